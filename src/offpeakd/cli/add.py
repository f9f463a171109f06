"""`offpeakd add`: asks for upgrades."""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import click

from offpeakd.cli.choices import known, target_of
from offpeakd.cli.context import Invocation
from offpeakd.cli.instants import parse_when
from offpeakd.cli.listing import print_requests
from offpeakd.cli.openings import next_opening_sentence
from offpeakd.cli.options import common_options, output_option, pass_invocation
from offpeakd.cli.output import Format, count_of, say
from offpeakd.cli.progress import counting
from offpeakd.cli.wish_files import Line, Reading, read_arguments, read_list, read_path
from offpeakd.core.errors import UsageError
from offpeakd.core.intake import Wish, check_wish
from offpeakd.core.model import DEFAULT_GROUP
from offpeakd.core.values import value
from offpeakd.ports import Added
from offpeakd.service.intake import Intake

STANDING_SHOWN: Final = 10
"""Live requests that are named one by one; the others are counted."""


@value
class Asked:
    """What the options say for every instance whose line says nothing else."""

    target: str | None
    group: str | None
    priority: int
    not_before: str | None
    deadline: str | None
    reason: str


@click.command(no_args_is_help=True)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option(
    "--from",
    "source",
    metavar="FILE",
    help="Read ids from a file, one a line, or CSV with a header; - for standard input.",
)
@click.option("--target", metavar="NAME", help="Where the instances are; needed with several.")
@click.option("--group", metavar="NAME", help="Whose windows apply; `default` unless given.")
@click.option(
    "--priority", type=int, default=100, show_default=True, help="Lower goes first in its group."
)
@click.option("--not-before", metavar="WHEN", help="Release no sooner.")
@click.option("--deadline", metavar="WHEN", help="Expire when still waiting then.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept with the request.")
@output_option("table", "json", "jsonl", "csv", "ids")
@common_options
@pass_invocation
def add(
    invocation: Invocation,
    ids: tuple[str, ...],
    source: str | None,
    target: str | None,
    group: str | None,
    priority: int,
    not_before: str | None,
    deadline: str | None,
    reason: str,
    form: Format,
) -> None:
    """Ask for upgrades of instances; they wait for a window.

    All or nothing: with one wrong id nothing is stored. An instance that has a live request keeps
    that one.

    CSV columns: instance_id[,target,group,priority,not_before,deadline,reason].

    WHEN: 2026-12-01T22:00+01:00, 2026-12-01T21:00Z, 2h, tomorrow 22:00, tue 22:00.
    """
    reading = _read(ids, source)
    asked = Asked(target, group, priority, not_before, deadline, reason)
    now = invocation.now()
    wishes = _wishes(reading, asked, invocation, now)
    store = invocation.store()
    intake = Intake(store, invocation.timepiece())
    with counting(len(wishes)) as progress:
        added = intake.add(wishes, invocation.actor(), progress)
    print_requests(invocation, [one.request for one in added], form)
    _summarise(added, reading, now)
    say(_totals(added, wishes, invocation, now))


def _read(ids: Sequence[str], source: str | None) -> Reading:
    reading = Reading()
    read_arguments(ids, reading)
    if source == "-":
        read_list(sys.stdin.buffer.read(), "stdin", reading)
    elif source is not None:
        read_list(read_path(Path(source)), source, reading)
    _stop_on(reading.problems, len(reading.lines) + len(reading.problems), "ids")
    if not reading.lines:
        raise UsageError("no instance was named", fix="Give ids, or --from FILE with some.")
    return reading


def _stop_on(problems: Sequence[str], of: int, noun: str) -> None:
    if not problems:
        return
    if of == 1:
        raise UsageError(problems[0].rstrip("."), fix="Nothing was added.")
    are = "is" if len(problems) == 1 else "are"
    raise UsageError(
        f"{len(problems):,} of {of:,} {noun} {are} wrong; nothing was added",
        fix="\n".join(problems),
    )


def _wishes(reading: Reading, asked: Asked, invocation: Invocation, now: datetime) -> list[Wish]:
    wishes: list[Wish] = []
    problems: list[str] = []
    reader = _CellReader(invocation, asked, now)
    for line in reading.lines:
        try:
            wish = reader.wish(line)
            check_wish(wish, now)
            wishes.append(wish)
        except UsageError as error:
            if not line.cells:  # the options are wrong, and so every line would be
                raise
            problems.append(line.complaint(str(error)))
    _stop_on(problems, len(reading.lines), "lines")
    return wishes


class _CellReader:
    """Turns lines into wishes; what the options say is read once."""

    def __init__(self, invocation: Invocation, asked: Asked, now: datetime) -> None:
        self._loaded = invocation.settings()
        self._groups = {*invocation.calendar().groups, DEFAULT_GROUP}
        self._zone = invocation.zone()
        self._now = now
        self._asked = asked
        self._whens: dict[str, datetime] = {}

    def wish(self, line: Line) -> Wish:
        cells, asked = line.cells, self._asked
        return Wish(
            target=target_of(cells.get("target") or asked.target, self._loaded),
            instance_id=line.instance_id,
            group=known("group", cells.get("group") or asked.group or DEFAULT_GROUP, self._groups),
            priority=self._number(cells.get("priority")),
            not_before=self._when(cells.get("not_before") or asked.not_before),
            deadline=self._when(cells.get("deadline") or asked.deadline),
            reason=cells.get("reason", asked.reason),
        )

    def _number(self, text: str | None) -> int:
        if text is None:
            return self._asked.priority
        try:
            return int(text)
        except ValueError:
            raise UsageError(
                f"priority '{text}' is no whole number", fix="Write one such as 100."
            ) from None

    def _when(self, text: str | None) -> datetime | None:
        if text is None:
            return None
        if text not in self._whens:
            self._whens[text] = parse_when(text, self._now, self._zone)
        return self._whens[text]


def _summarise(added: Sequence[Added], reading: Reading, now: datetime) -> None:
    """Name what a person would not expect: merged, standing and past."""
    if reading.repeated:
        say(f"{count_of(reading.repeated, 'repeated id')} merged with the first of each")
    standing = [one.request for one in added if not one.new]
    for request in standing[:STANDING_SHOWN]:
        state = request.state.value.replace("_", " ")
        say(f"{request.instance_id} has request {request.id} already: {state}")
    if len(standing) > STANDING_SHOWN:
        say(f"… and {len(standing) - STANDING_SHOWN:,} more")
    past = [one for one in added if one.new and one.request.not_before is not None]
    if any(one.request.not_before <= now for one in past if one.request.not_before):
        say("note: --not-before has passed already and holds nothing back")


def _totals(
    added: Sequence[Added], wishes: Sequence[Wish], invocation: Invocation, now: datetime
) -> str:
    new = sum(one.new for one in added)
    groups = sorted({wish.group for wish in wishes})
    parts = [f"{new:,} added"]
    if new < len(added):
        parts.append(f"{len(added) - new:,} had a request already")
    opening = next_opening_sentence(invocation.calendar(), groups, invocation.policy().guard, now)
    return f"{', '.join(parts)}; {opening}"
