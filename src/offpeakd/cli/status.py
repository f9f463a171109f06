"""`offpeakd status`: one screen that says how things stand."""

import sys
import threading
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import click

from offpeakd.cli.context import Invocation
from offpeakd.cli.openings import standing_sentence
from offpeakd.cli.options import common_options, output_option, pass_invocation
from offpeakd.cli.output import Format, Json, table_lines, write_object
from offpeakd.cli.records import instant, opening_record
from offpeakd.cli.safe_text import safe
from offpeakd.cli.stops import whose
from offpeakd.core.calendar import Calendar
from offpeakd.core.clock_text import both_clocks, distance
from offpeakd.core.errors import UsageError
from offpeakd.core.lane import Stop
from offpeakd.core.model import State
from offpeakd.core.policy import Policy
from offpeakd.core.stops import stands
from offpeakd.core.values import value
from offpeakd.ports import DaemonRow, Filter
from offpeakd.service.outlook import holds_of, is_alive

EVERY: Final = timedelta(seconds=2)
"""How often `--watch` looks."""

FOLLOW_UP_COUNTED: Final = 1000


@value
class Overview:
    """How things stand at an instant.

    Attributes:
        now: the instant.
        zone: for people.
        policy: how long a silent daemon counts as alive.
        daemons: signs of life, the newest first.
        stops: in force.
        counts: requests by target and state.
        follow_up: requests that a person has to look at, counted up to a thousand.
        calendar: windows and freezes.
    """

    now: datetime
    zone: str
    policy: Policy
    daemons: tuple[DaemonRow, ...]
    stops: tuple[Stop, ...]
    counts: dict[str, dict[State, int]]
    follow_up: int
    calendar: Calendar


@click.command()
@click.option("--watch", is_flag=True, help="Look again every two seconds, until Ctrl-C.")
@output_option("table", "json")
@common_options
@pass_invocation
def status(invocation: Invocation, *, watch: bool, form: Format) -> None:
    """Show daemons, windows, stops, and how many requests stand where."""
    if watch:
        if form is Format.JSON or not sys.stdout.isatty():
            raise UsageError(
                "--watch needs a terminal and -o table",
                fix="Leave --watch out, and call the command again when it suits.",
            )
        _watch(invocation)
        return
    seen = overview(invocation)
    if form is Format.JSON:
        write_object(_record(seen))
        return
    for line in lines(seen):
        click.echo(line)


def _watch(invocation: Invocation) -> None:
    from rich.live import Live
    from rich.text import Text

    def screen() -> Text:
        return Text("\n".join(lines(overview(invocation))), no_wrap=True, overflow="ellipsis")

    pause = threading.Event()
    with Live(screen(), auto_refresh=False, screen=True) as live:
        while not pause.wait(EVERY.total_seconds()):
            live.update(screen(), refresh=True)


def overview(invocation: Invocation) -> Overview:
    """Look once.

    Raises:
        DatabaseError: the database can't be read.
    """
    now = invocation.now()
    store = invocation.store()
    counts: dict[str, dict[State, int]] = {
        name: {} for name in sorted(invocation.settings().settings.targets)
    }
    for (target, state), number in store.counts().items():
        counts.setdefault(target, {})[state] = number
    return Overview(
        now=now,
        zone=invocation.zone(),
        policy=invocation.policy(),
        daemons=store.daemons(),
        stops=tuple(stop for stop in store.stops() if stands(stop, now)),
        counts=counts,
        follow_up=len(store.page(Filter(follow_up=True), 0, FOLLOW_UP_COUNTED)),
        calendar=invocation.calendar(),
    )


def lines(seen: Overview) -> Iterator[str]:
    """The screen, line by line."""
    yield f"as of {both_clocks(seen.now, seen.zone, seen.now).removesuffix(', now')}"
    yield from _daemon_lines(seen)
    for group in seen.calendar.groups:
        standing = seen.calendar.at(seen.now, group, seen.policy.guard)
        zone = seen.calendar.zone_of(group)
        yield f"windows    {safe(group)}: {standing_sentence(standing, zone, seen.now)}"
    for stop in seen.stops:
        since = both_clocks(stop.since, seen.zone, seen.now)
        said = f"{safe(stop.actor)}: {safe(stop.reason)}"
        yield f"stopped    {whose(stop.scope)} stopped ({stop.kind}) since {since} by {said}"
    yield ""
    yield from _count_lines(seen.counts)
    yield ""
    yield _follow_up_line(seen.follow_up)


def _daemon_lines(seen: Overview) -> Iterator[str]:
    if not seen.daemons:
        yield "daemon     none is running: start `offpeakd run`"
    silent: list[DaemonRow] = []
    for row in seen.daemons:
        beat = distance(seen.now - row.beat_at)
        where = f"{safe(row.host)}, pid {row.pid}, version {safe(row.version)}"
        if is_alive(row, seen.now, seen.policy):
            since = both_clocks(row.started_at, seen.zone, seen.now)
            yield f"daemon     running on {where}, since {since}"
            yield from _lane_lines(row, seen)
        elif silent:
            continue
        else:
            silent = [one for one in seen.daemons if not is_alive(one, seen.now, seen.policy)]
            others = f", and {len(silent) - 1} before it" if len(silent) > 1 else ""
            yield f"daemon     silent for {beat}: on {where}{others}"
        if row.config_error:
            yield f"           keeps its old configuration: {safe(row.config_error, 400)}"
        if row.note:
            yield f"           {safe(row.note, 400)}"


def _lane_lines(row: DaemonRow, seen: Overview) -> Iterator[str]:
    """What a daemon serves, when it last passed over it, and what it holds back."""
    passed = [
        f"{safe(target)} (last pass {_since(row.passes.get(target), seen.now)})"
        for target in row.targets
    ]
    yield f"           serves {', '.join(passed) or 'no target'}"
    if row.clock_offset is not None:
        side = "ahead of" if row.clock_offset > timedelta(0) else "behind"
        seconds = abs(row.clock_offset).total_seconds()
        yield f"           its clock is {seconds:.1f} s {side} the cloud's"
    for target, hold in holds_of(row, seen.now).items():
        end = "" if hold.until is None else f" until {both_clocks(hold.until, seen.zone, seen.now)}"
        said = safe(f"{hold.code.value}: {hold.sentence}", 400)
        yield f"           releases nothing in {safe(target)}{end}: {said}"


def _since(at: datetime | None, now: datetime) -> str:
    return "not yet" if at is None else f"{distance(now - at)} ago"


def _count_lines(counts: dict[str, dict[State, int]]) -> Sequence[str]:
    shown = [state for state in State if any(row.get(state) for row in counts.values())]
    if not shown:
        return ["no requests"]
    heads = ("TARGET", *(state.value.upper().replace("_", " ") for state in shown))
    rows = [
        (safe(target), *(f"{row.get(state, 0):,}" for state in shown))
        for target, row in counts.items()
    ]
    return table_lines(heads, rows)


def _follow_up_line(number: int) -> str:
    if not number:
        return "nothing needs a person"
    many = f"{number:,} or more" if number == FOLLOW_UP_COUNTED else f"{number:,}"
    return f"{many} {'needs' if number == 1 else 'need'} a person: `offpeakd failures`"


def _record(seen: Overview) -> dict[str, Json]:
    return {
        "at": instant(seen.now),
        "daemons": [_daemon_record(row, seen) for row in seen.daemons],
        "stops": [
            {
                "scope": stop.scope,
                "kind": stop.kind,
                "reason": stop.reason,
                "actor": stop.actor,
                "since": instant(stop.since),
                "until": instant(stop.until),
            }
            for stop in seen.stops
        ],
        "groups": [_group_record(group, seen) for group in seen.calendar.groups],
        "targets": {
            target: {state.value: row.get(state, 0) for state in State}
            for target, row in seen.counts.items()
        },
        "follow_up": seen.follow_up,
    }


def _daemon_record(row: DaemonRow, seen: Overview) -> dict[str, Json]:
    return {
        "host": row.host,
        "pid": row.pid,
        "version": row.version,
        "targets": list(row.targets),
        "alive": is_alive(row, seen.now, seen.policy),
        "started_at": instant(row.started_at),
        "beat_at": instant(row.beat_at),
        "config_hash": row.config_hash,
        "config_error": row.config_error,
        "note": row.note,
        "holds": dict(row.holds),
        "passes": {target: instant(at) for target, at in row.passes.items()},
        "clock_offset_seconds": (
            None if row.clock_offset is None else round(row.clock_offset.total_seconds(), 3)
        ),
    }


def _group_record(group: str, seen: Overview) -> dict[str, Json]:
    found = seen.calendar.at(seen.now, group, seen.policy.guard)
    return {
        "group": group,
        "verdict": found.verdict,
        "opening": None if found.opening is None else opening_record(found.opening),
        "next": None if found.next is None else opening_record(found.next),
    }
