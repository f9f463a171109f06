"""`offpeakd windows`: openings to come, and whether an instant lies in one."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import click

from offpeakd.cli.choices import known
from offpeakd.cli.context import Invocation
from offpeakd.cli.openings import OPENING_HEADS, end_text, opening_row, standing_sentence
from offpeakd.cli.options import common_options, output_option, pass_invocation
from offpeakd.cli.output import Format, Json, say, write_object, write_records, write_table
from offpeakd.cli.records import opening_record
from offpeakd.cli.safe_text import safe
from offpeakd.core.calendar import HORIZON, Opening, Standing
from offpeakd.core.clock_text import both_clocks
from offpeakd.core.errors import UsageError
from offpeakd.core.model import DEFAULT_GROUP

CLOSED: Final = 3
COUNT: Final = 5
SKIPPED_SHOWN: Final = 10
KEYS: Final = ("windows", "start", "end", "last_release", "minutes", "notes")

_GROUP = click.option(
    "--group", default=DEFAULT_GROUP, metavar="NAME", help="Whose windows; `default` unless given."
)


@click.group(invoke_without_command=True)
@output_option("table", "json")
@common_options
@click.pass_context
def windows(ctx: click.Context, *, form: Format) -> None:
    """Show how every group's windows stand, openings to come, or test an instant."""
    if ctx.invoked_subcommand is None:
        _overview(ctx.ensure_object(Invocation), form)


def _overview(invocation: Invocation, form: Format) -> None:
    now = invocation.now()
    calendar = invocation.calendar()
    guard = invocation.policy().guard
    found = [(group, calendar.at(now, group, guard)) for group in calendar.groups]
    if form is Format.JSON:
        write_object([{"group": group, **_standing_record(one)} for group, one in found])
        return
    rows = [
        (safe(group), _names(one), standing_sentence(one, calendar.zone_of(group), now))
        for group, one in found
    ]
    write_table(("GROUP", "WINDOW", "NOW"), rows)


def _names(standing: Standing) -> str:
    opening = standing.opening or standing.next
    return "-" if opening is None else safe(", ".join(opening.windows))


@windows.command("next")
@click.option("--from", "since", metavar="WHEN", help="Begin there; now unless given.")
@click.option("--until", metavar="WHEN", help="End there; 400 days later unless given.")
@click.option(
    "--count",
    type=click.IntRange(min=1),
    help="How many at most; 5 unless this or --until is given.",
)
@_GROUP
@output_option("table", "json", "jsonl", "csv")
@common_options
@pass_invocation
def next_openings(
    invocation: Invocation,
    *,
    since: str | None,
    until: str | None,
    count: int | None,
    group: str,
    form: Format,
) -> None:
    """List the openings that overlap a span of time, merged, cut and resolved to UTC."""
    now = invocation.now()
    begin = now if since is None else invocation.instant(since, now)
    end = _until(invocation, until, begin, now)
    calendar = invocation.calendar()
    group = _group(invocation, group)
    most = count if count is not None or until is not None else COUNT
    openings = islice(calendar.openings(begin, end, group), most)
    if form is not Format.TABLE:
        write_records((opening_record(one) for one in openings), form, KEYS, "start")
        return
    shown = list(openings)
    _print_openings(shown, calendar.zone_of(group), now)
    reached = shown[-1].end if most and len(shown) == most else None
    _print_skipped(invocation, begin, min(reached or end, end), group)


def _until(invocation: Invocation, text: str | None, begin: datetime, now: datetime) -> datetime:
    if text is None:
        return _later(begin, HORIZON)
    end = invocation.instant(text, now)
    if end <= begin:
        raise UsageError(
            "--until does not lie after --from", fix="Give a later --until, or an earlier --from."
        )
    return end


def _later(begin: datetime, span: timedelta) -> datetime:
    try:
        return begin + span
    except OverflowError:
        return datetime.max.replace(tzinfo=begin.tzinfo)


def _group(invocation: Invocation, name: str) -> str:
    return known("group", name, {*invocation.calendar().groups, DEFAULT_GROUP})


def _print_openings(openings: Sequence[Opening], zone: str, now: datetime) -> None:
    if not openings:
        say("no opening in that time")
        return
    write_table(OPENING_HEADS, [opening_row(one, zone, now) for one in openings])


def _print_skipped(invocation: Invocation, begin: datetime, end: datetime, group: str) -> None:
    skipped = invocation.calendar().skipped(begin, end, group)
    for one in skipped[:SKIPPED_SHOWN]:
        say(f"no opening on {one.day}: {safe(one.sentence, 400)}")
    if len(skipped) > SKIPPED_SHOWN:
        say(f"… and {len(skipped) - SKIPPED_SHOWN:,} more days without their opening")


@windows.command("check")
@click.argument("when", metavar="WHEN")
@_GROUP
@output_option("table", "json")
@common_options
@pass_invocation
def check(invocation: Invocation, when: str, *, group: str, form: Format) -> int:
    """Say whether a request could be released at an instant; exit code 0 when open, 3 when not."""
    now = invocation.now()
    moment = invocation.instant(when, now)
    group = _group(invocation, group)
    calendar = invocation.calendar()
    found = calendar.at(moment, group, invocation.policy().guard)
    if form is Format.JSON:
        write_object(_standing_record(found))
    else:
        zone = calendar.zone_of(group)
        for line in _check_lines(found, zone, moment, now):
            click.echo(line)
    return 0 if found.verdict == "open" else CLOSED


def _standing_record(found: Standing) -> dict[str, Json]:
    return {
        "open": found.verdict == "open",
        "opening": None if found.opening is None else opening_record(found.opening),
        "next": None if found.next is None else opening_record(found.next),
        "verdict": found.verdict,
    }


def _check_lines(found: Standing, zone: str, moment: datetime, now: datetime) -> Iterator[str]:
    yield f"{both_clocks(moment, zone, now)}: {'open' if found.verdict == 'open' else 'closed'}"
    if found.verdict != "open":
        yield f"  why           {found.verdict}"
    if found.freeze is not None:
        reason = f" ({found.freeze.reason})" if found.freeze.reason else ""
        yield f"  freeze        {safe(found.freeze.name + reason)}"
    if found.opening is not None:
        yield f"  window        {safe(', '.join(found.opening.windows))}"
        yield f"  opens         {end_text(found.opening.start, zone, now, 'always open')}"
        yield f"  last release  {end_text(found.opening.last_release, zone, now, 'never')}"
        yield f"  closes        {end_text(found.opening.end, zone, now, 'never')}"
        yield from (f"  note          {safe(note, 400)}" for note in found.opening.notes)
    if found.next is not None and found.next.start is not None:
        yield f"  next opening  {both_clocks(found.next.start, zone, now)}"
