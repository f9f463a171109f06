"""`offpeakd plan`: which requests the next opening would take, batch by batch."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import click

from offpeakd.cli.context import Invocation
from offpeakd.cli.listing import SHOWN, pages
from offpeakd.cli.options import common_options, output_option, pass_invocation
from offpeakd.cli.output import Format, Json, count_of, say, write_object, write_table
from offpeakd.cli.records import opening_record
from offpeakd.cli.safe_text import safe
from offpeakd.core.calendar import Calendar, Opening
from offpeakd.core.clock_text import both_clocks
from offpeakd.core.model import Request, State
from offpeakd.core.policy import Policy
from offpeakd.core.values import value
from offpeakd.ports import Filter, Store

CAVEAT: Final = (
    "the cutoff, limits, stops and the time that calls take are not foreseen: "
    "what does not fit goes with the next opening"
)


@value
class Batch:
    """Requests that would go in one call."""

    opening: Opening
    target: str
    group: str
    requests: tuple[Request, ...]


@click.command()
@click.option("--at", "when", metavar="WHEN", help="As if it were then; now unless given.")
@click.option(
    "--days",
    type=click.IntRange(1, 400),
    default=7,
    show_default=True,
    help="Only openings that begin within so many days.",
)
@output_option("table", "json")
@common_options
@pass_invocation
def plan(invocation: Invocation, *, when: str | None, days: int, form: Format) -> None:
    """Say which waiting requests the next opening of each group would take, batch by batch."""
    now = invocation.now()
    at = now if when is None else invocation.instant(when, now)
    batches = list(
        batches_at(invocation.store(), invocation.calendar(), invocation.policy(), at, days)
    )
    if form is Format.JSON:
        write_object([_record(number, batch) for number, batch in enumerate(batches, start=1)])
    elif batches:
        _print(batches, invocation.calendar(), at)
    else:
        say(f"nothing would go within {count_of(days, 'day')}")
    say(CAVEAT)


def batches_at(
    store: Store, calendar: Calendar, policy: Policy, at: datetime, days: int
) -> Iterator[Batch]:
    """The batches of each group's next opening, by opening, target and group."""
    waiting: dict[tuple[str, str], list[Request]] = {}
    for request in pages(store, Filter(states=frozenset({State.QUEUED}))):
        if request.held_reason is None:
            waiting.setdefault((request.target, request.group), []).append(request)
    found: list[tuple[datetime, str, str, Opening]] = []
    for target, group in waiting:
        opening = _opening(calendar, policy, group, at)
        begins = at if opening is None else max(opening.start or at, at)
        if opening is not None and begins <= at + timedelta(days=days):
            found.append((begins, target, group, opening))
    for begins, target, group, opening in sorted(found, key=lambda one: one[:3]):
        ready = sorted(
            (one for one in waiting[target, group] if _ready(one, begins)),
            key=lambda one: (one.priority, one.id),
        )
        rest = iter(ready)
        while batch := tuple(islice(rest, policy.batch_size)):
            yield Batch(opening, target, group, batch)


def _opening(calendar: Calendar, policy: Policy, group: str, at: datetime) -> Opening | None:
    standing = calendar.at(at, group, policy.guard)
    return standing.opening if standing.verdict == "open" else standing.next


def _ready(request: Request, begins: datetime) -> bool:
    in_time = request.deadline is None or request.deadline > begins
    return in_time and (request.wait_until is None or request.wait_until <= begins)


def _print(batches: Sequence[Batch], calendar: Calendar, at: datetime) -> None:
    rows = [
        (
            str(number),
            "open now"
            if batch.opening.start is None or batch.opening.start <= at
            else both_clocks(batch.opening.start, calendar.zone_of(batch.group), at),
            safe(batch.target),
            safe(batch.group),
            " ".join(str(request.id) for request in batch.requests),
        )
        for number, batch in enumerate(batches[:SHOWN], start=1)
    ]
    write_table(("BATCH", "OPENS", "TARGET", "GROUP", "REQUESTS"), rows)
    if len(batches) > SHOWN:
        say(f"… and {len(batches) - SHOWN:,} more batches (-o json for all)")
    total = sum(len(batch.requests) for batch in batches)
    say(f"{count_of(total, 'request')} in {count_of(len(batches), 'batch', 'batches')}")


def _record(number: int, batch: Batch) -> dict[str, Json]:
    return {
        "batch": number,
        "target": batch.target,
        "group": batch.group,
        "opening": opening_record(batch.opening),
        "requests": [
            {"id": request.id, "instance_id": request.instance_id} for request in batch.requests
        ],
    }
