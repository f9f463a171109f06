"""`offpeakd list` and `offpeakd failures`."""

from itertools import islice

import click

from offpeakd.cli.context import Invocation
from offpeakd.cli.listing import (
    SHOWN,
    error_text,
    pages,
    say_how_many_more,
    state_text,
    write_all,
    write_rows,
)
from offpeakd.cli.options import common_options, output_option, pass_invocation
from offpeakd.cli.output import Format, say, write_table
from offpeakd.cli.safe_text import safe
from offpeakd.core.clock_text import both_clocks
from offpeakd.core.errors import UsageError
from offpeakd.core.identifiers import IdentifierError, parse_instance_id
from offpeakd.core.model import Request, State
from offpeakd.ports import Filter

_FAILURE_HEADS = ("ID", "INSTANCE", "TARGET", "STATE", "SINCE", "JOB", "ERROR", "ASKED BY")


@click.command()
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([state.value for state in State]),
    help="Only in this state; may be repeated.",
)
@click.option("--target", "targets", multiple=True, metavar="NAME", help="Only of this target.")
@click.option("--group", "groups", multiple=True, metavar="NAME", help="Only of this group.")
@click.option("--instance", metavar="ID", help="Only of this instance.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    help=f"Rows at most, 0 for all; a table shows {SHOWN}, other formats all.",
)
@click.option("--all", "everything", is_flag=True, help="The same as --limit 0.")
@output_option("table", "json", "jsonl", "csv", "ids")
@common_options
@pass_invocation
def list_requests(
    invocation: Invocation,
    states: tuple[str, ...],
    targets: tuple[str, ...],
    groups: tuple[str, ...],
    instance: str | None,
    limit: int | None,
    everything: bool,  # noqa: FBT001 - click passes options by name
    form: Format,
) -> None:
    """List requests, the oldest first."""
    which = Filter(
        states=frozenset(State(state) for state in states),
        targets=frozenset(targets),
        groups=frozenset(groups),
        instance_id=None if instance is None else _instance(instance),
    )
    rows = _rows(form, 0 if everything else limit)
    store = invocation.store()
    if form is not Format.TABLE:
        write_all(invocation, islice(pages(store, which), rows), form)
        return
    shown = tuple(islice(pages(store, which), rows))
    write_rows(invocation, shown)
    _close(invocation, which, shown, "no request matches")


@click.command()
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    help=f"Rows at most, 0 for all; a table shows {SHOWN}, other formats all.",
)
@output_option("table", "json", "jsonl", "csv", "ids")
@common_options
@pass_invocation
def failures(invocation: Invocation, limit: int | None, form: Format) -> None:
    """List what a person must look at.

    Failed requests until `ack` or `retry`, those that need review, and those that have been
    unknown or running for too long.
    """
    which = Filter(follow_up=True)
    rows = _rows(form, limit)
    store = invocation.store()
    if form is not Format.TABLE:
        write_all(invocation, islice(pages(store, which), rows), form)
        return
    shown = tuple(islice(pages(store, which), rows))
    if shown:
        write_table(_FAILURE_HEADS, [_failure_row(request, invocation) for request in shown])
    _close(invocation, which, shown, "nothing needs a person")


def _rows(form: Format, limit: int | None) -> int | None:
    """How many rows to print; None for all."""
    if limit is None:
        return SHOWN if form is Format.TABLE else None
    return limit or None


def _close(invocation: Invocation, which: Filter, shown: tuple[Request, ...], nothing: str) -> None:
    if shown:
        say_how_many_more(invocation.store(), which, len(shown), shown[-1].id)
    else:
        say(nothing)


def _instance(text: str) -> str:
    try:
        return parse_instance_id(text)
    except IdentifierError as error:
        raise UsageError(error.what, fix=error.fix) from None


def _failure_row(request: Request, invocation: Invocation) -> tuple[str, ...]:
    since = request.finished_at or request.unknown_since or request.submitted_at
    since = since or request.changed_at
    return (
        str(request.id),
        request.instance_id,
        safe(request.target),
        state_text(request.state),
        "" if since is None else both_clocks(since, invocation.zone(), invocation.now()),
        safe(request.job_id),
        error_text(request),
        safe(request.requested_by),
    )
