"""`offpeakd why`: every condition that a waiting request has to meet, and how it stands."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from offpeakd.cli.context import Invocation
from offpeakd.cli.listing import detail
from offpeakd.cli.options import common_options, output_option, pass_invocation
from offpeakd.cli.output import Format, Json, count_of, write_object
from offpeakd.cli.records import instant
from offpeakd.cli.safe_text import safe
from offpeakd.core.clock_text import both_clocks
from offpeakd.core.model import Request, State
from offpeakd.core.values import value
from offpeakd.core.verdicts import Code, Kind, Situation, Verdict, blockers
from offpeakd.ports import Store
from offpeakd.service.lookup import find

if TYPE_CHECKING:
    from offpeakd.service.outlook import Outlook

WAITS: Final = 3

_PERSON: Final = frozenset({State.UNKNOWN, State.NEEDS_REVIEW})
"""States besides queued that are neither on their way nor finished."""

_SENTENCE: Final = 400


@value
class Condition:
    """One thing that has to be so before a request is sent.

    Attributes:
        text: what has to be so.
        broken_by: verdicts that say it isn't.
    """

    text: str
    broken_by: frozenset[Code]


CONDITIONS: Final = (
    Condition("its target is configured", frozenset({Code.UNKNOWN_TARGET})),
    Condition("nobody holds it", frozenset({Code.HELD})),
    Condition("releases are not paused", frozenset({Code.PAUSED})),
    Condition(
        "key, permission and address are accepted",
        frozenset({Code.CREDENTIALS, Code.PERMISSION, Code.CONFIGURATION}),
    ),
    Condition(
        "the cloud answers and takes calls",
        frozenset({Code.CLOUD_UNREACHABLE, Code.RATE_LIMITED}),
    ),
    Condition(
        "clock and database are sound",
        frozenset({Code.CLOCK_SKEW, Code.STORAGE_FAULT, Code.CALLS_FORGOTTEN}),
    ),
    Condition(
        "its own time has come",
        frozenset({Code.NOT_BEFORE, Code.BACKOFF, Code.UNANSWERED_CALL}),
    ),
    Condition(
        "its instance can be upgraded",
        frozenset({Code.INSTANCE_BUSY, Code.INSTANCE_ABNORMAL, Code.INSTANCE_FROZEN}),
    ),
    Condition(
        "a window is open",
        frozenset(
            {Code.NO_WINDOW, Code.WINDOW_CLOSED, Code.PAST_CUTOFF, Code.FROZEN, Code.MIN_NOTICE}
        ),
    ),
    Condition("the target has room", frozenset({Code.TARGET_LIMIT})),
    Condition("a daemon runs", frozenset({Code.NO_DAEMON})),
    Condition("nothing goes before it", frozenset({Code.BEHIND_IN_QUEUE})),
)
"""In the order in which they are shown; together they cover every reason to wait."""


@click.command()
@click.argument("name", metavar="ID")
@output_option("table", "json")
@common_options
@pass_invocation
def why(invocation: Invocation, name: str, *, form: Format) -> int:
    """Say why a request waits, condition by condition, and when it can go.

    ID is a request's number or an instance id. Exit code: 0 when it is on its way or finished,
    3 when it waits or needs a person.
    """
    now = invocation.now()
    store = invocation.store()
    request = find(store, name)
    if request.state is State.QUEUED:
        _explain(invocation, store, request, now, form)
        return WAITS
    told = detail(request, invocation.outlook(), invocation.zone())
    if form is Format.JSON:
        write_object(_record(request, None, told, (), None))
    else:
        state = request.state.value.replace("_", " ")
        click.echo(f"{_title(request)} is {state}{': ' if told else ''}{told}")
        if request.state is State.NEEDS_REVIEW:
            click.echo("  a person has to find out what became of it: `offpeakd show` tells more")
    return WAITS if request.state in _PERSON else 0


def _explain(
    invocation: Invocation, store: Store, request: Request, now: datetime, form: Format
) -> None:
    outlook = invocation.outlook()
    deciding = outlook.verdict(request)
    against = [*blockers(request, outlook.situation), *_last_blockers(store, request, outlook)]
    earliest = next_possible(request, against, outlook.situation)
    zone = invocation.calendar().zone_of(request.group)
    if form is Format.JSON:
        write_object(_record(request, deciding, "", against, earliest))
        return
    if deciding is not None:
        click.echo(f"{_title(request)} is queued: {safe(deciding.sentence, _SENTENCE)}")
    for condition, broken in standing(against):
        mark = "yes" if broken is None else " no"
        said = "" if broken is None else f": {safe(broken.sentence, _SENTENCE)}"
        click.echo(f"  {mark}  {condition.text}{said}")
    click.echo(_when_words(earliest, zone, now))


def _last_blockers(store: Store, request: Request, outlook: "Outlook") -> list[Verdict]:
    """What decides only where nothing else does, and is so all the same."""
    found: list[Verdict] = []
    if not outlook.situation.daemon_alive:
        told = "none gives a sign of life: start `offpeakd run`"
        found.append(Verdict(Code.NO_DAEMON, told, Kind.PERSON))
    ahead = store.ahead_of(request)
    if ahead:
        told = f"{count_of(ahead, 'request')} of its group before it"
        found.append(Verdict(Code.BEHIND_IN_QUEUE, told))
    return found


def _when_words(earliest: datetime | None, zone: str, now: datetime) -> str:
    if earliest is None:
        return "next possible: not before a person acts"
    if earliest <= now:
        return "next possible: now"
    return f"next possible: {both_clocks(earliest, zone, now)}"


def standing(against: Sequence[Verdict]) -> list[tuple[Condition, Verdict | None]]:
    """Every condition, in order, with what breaks it."""
    return [
        (condition, next((one for one in against if one.code in condition.broken_by), None))
        for condition in CONDITIONS
    ]


def next_possible(
    request: Request, against: Sequence[Verdict], situation: Situation
) -> datetime | None:
    """The first instant at which nothing that is known now stands in the way.

    None when a person has to act first; that a daemon runs is taken for granted. Limits that
    other upgrades free are not foreseen.
    """
    acts_first = (one for one in against if one.code is not Code.NO_DAEMON)
    if any(one.kind is Kind.PERSON and one.until is None for one in acts_first):
        return None
    calendar_codes = {Code.WINDOW_CLOSED, Code.PAST_CUTOFF, Code.FROZEN}
    untils = [one.until for one in against if one.until and one.code not in calendar_codes]
    ready = max([situation.now, *untils])
    found = situation.calendar.at(ready, request.group, situation.policy.guard)
    if found.verdict == "open":
        return ready
    return found.next.start if found.next is not None else None


def _title(request: Request) -> str:
    return f"request {request.id} ({request.instance_id})"


def _record(
    request: Request,
    deciding: Verdict | None,
    told: str,
    against: Sequence[Verdict],
    earliest: datetime | None,
) -> dict[str, Json]:
    conditions: list[Json] = [
        {
            "condition": condition.text,
            "met": broken is None,
            "verdict": None if broken is None else broken.code.value,
            "sentence": None if broken is None else broken.sentence,
            "until": None if broken is None else instant(broken.until),
        }
        for condition, broken in standing(against)
    ]
    return {
        "id": request.id,
        "instance_id": request.instance_id,
        "state": request.state.value,
        "verdict": None if deciding is None else deciding.code.value,
        "sentence": told if deciding is None else deciding.sentence,
        "kind": None if deciding is None else deciding.kind.value,
        "until": None if deciding is None else instant(deciding.until),
        "next_possible": instant(earliest),
        "conditions": conditions if request.state is State.QUEUED else [],
    }
