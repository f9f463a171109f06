"""`offpeakd cancel`, `retry`, `hold`, `unhold` and `ack`: what people decide about requests."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import click

from offpeakd.cli.context import Invocation
from offpeakd.cli.options import common_options, output_option, pass_invocation, reason_option
from offpeakd.cli.output import Format, Json, say, write_object
from offpeakd.core import intake
from offpeakd.core.intake import Decision
from offpeakd.core.model import Request
from offpeakd.service.decide import Decided, decide

ALL_DONE: Final = 0
NONE_DONE: Final = 1
PARTLY_DONE: Final = 3

Verb = Callable[[Request, datetime, str, str], Decision]


def _command(name: str, done: str, verb: Verb, summary: str) -> click.Command:
    """A command that decides about the requests it is given."""

    @click.command(name, help=summary, no_args_is_help=True)
    @click.argument("ids", nargs=-1, required=True, metavar="ID...")
    @reason_option
    @output_option("table", "json")
    @common_options
    @pass_invocation
    def command(invocation: Invocation, ids: tuple[str, ...], *, reason: str, form: Format) -> int:
        now = invocation.now()
        actor = invocation.actor()
        why = intake.stated(reason)
        decided = decide(invocation.store(), ids, lambda request: verb(request, now, actor, why))
        print_decided(decided, done, form)
        return exit_code(decided)

    return command


_NAMING: Final = "ID is a request's number or an instance id."

cancel = _command(
    "cancel",
    "cancelled",
    intake.cancel,
    f"Take back requests that were not sent yet.\n\n{_NAMING}",
)
retry = _command(
    "retry",
    "queued again",
    intake.retry,
    "Queue failed or expired requests again, with all their tries. A deadline that has passed "
    f"no longer applies.\n\n{_NAMING}",
)
hold = _command(
    "hold",
    "held",
    intake.hold,
    f"Keep queued requests from being sent until `offpeakd unhold`.\n\n{_NAMING}",
)
unhold = _command(
    "unhold",
    "no longer held",
    intake.unhold,
    f"Let held requests go at the next opening.\n\n{_NAMING}",
)
ack = _command(
    "ack",
    "acknowledged",
    intake.acknowledge,
    f"Take failed requests off the list of failures; they stay failed.\n\n{_NAMING}",
)


def print_decided(decided: Sequence[Decided], done: str, form: Format) -> None:
    """Say what became of each.

    Args:
        decided: in the order of the names.
        done: what was done, such as `cancelled`.
        form: a sentence each, or JSON.
    """
    if form is Format.JSON:
        write_object([_record(one) for one in decided])
        return
    for one in decided:
        if one.changed:
            click.echo(f"{title(one)}: {done}")
        elif one.done:
            click.echo(f"{title(one)} {one.sentence}")
        else:
            say(f"offpeakd: {title(one)} {one.sentence}".replace("  ", " ").rstrip())


def title(one: Decided) -> str:
    """`request 7 (…in02)`; nothing for a request that there isn't."""
    if one.request is None:
        return ""
    return f"request {one.request.id} ({one.request.instance_id})"


def _record(one: Decided) -> dict[str, Json]:
    request = one.request
    return {
        "name": one.name,
        "id": None if request is None else request.id,
        "instance_id": None if request is None else request.instance_id,
        "state": None if request is None else request.state.value,
        "done": one.done,
        "changed": one.changed,
        "message": one.sentence,
    }


def exit_code(decided: Sequence[Decided]) -> int:
    """0 all, 3 partly, 1 none."""
    number = sum(one.done for one in decided)
    if number == len(decided):
        return ALL_DONE
    return PARTLY_DONE if number else NONE_DONE
