"""`offpeakd show`: one request with everything that is known of it."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import click

from offpeakd.cli.context import Invocation
from offpeakd.cli.options import common_options, output_option, pass_invocation
from offpeakd.cli.output import Format, table_lines, write_object
from offpeakd.cli.records import attempt_record, event_record, request_record
from offpeakd.cli.safe_text import safe
from offpeakd.core.change import JsonScalar
from offpeakd.core.clock_text import both_clocks, rfc3339
from offpeakd.core.model import Request
from offpeakd.core.tally import Tally
from offpeakd.core.verdicts import Verdict
from offpeakd.ports import AttemptRecord, Event
from offpeakd.service.lookup import find


@click.command()
@click.argument("name", metavar="ID")
@output_option("table", "json")
@common_options
@pass_invocation
def show(invocation: Invocation, name: str, *, form: Format) -> None:
    """Show one request: its state, the calls made for it and its history.

    ID is a request's number or an instance id.
    """
    now = invocation.now()
    store = invocation.store()
    request = find(store, name)
    waits = invocation.outlook().verdict(request)
    attempts = store.attempts(request.id)
    events = store.events(request.id)
    if form is Format.JSON:
        write_object(
            {
                **request_record(request, None if waits is None else waits.code.value),
                "calls": [attempt_record(attempt) for attempt in attempts],
                "events": [event_record(event) for event in events],
            }
        )
        return
    instance = store.instance(request.target, request.instance_id)
    called = safe(instance.name) if instance is not None else ""
    for line in _facts(request, waits, called, invocation.zone(), now):
        click.echo(line)
    _print_part("Calls", _call_lines(attempts))
    _print_part("Evidence", _evidence_lines(attempts))
    _print_part("History", _event_lines(events))


def _facts(
    request: Request, waits: Verdict | None, called: str, zone: str, now: datetime
) -> Iterator[str]:
    def clocks(moment: datetime | None) -> str:
        return "" if moment is None else both_clocks(moment, zone, now)

    asked = f"{clocks(request.requested_at)} by {safe(request.requested_by)}"
    rows = (
        ("request", str(request.id)),
        ("instance", f"{request.instance_id} {called}".rstrip()),
        ("target", safe(request.target)),
        ("group", safe(request.group)),
        ("state", request.state.value),
        ("waits", "" if waits is None else f"{waits.code.value}: {safe(waits.sentence, 400)}"),
        ("priority", str(request.priority)),
        ("reason", safe(request.reason, 400)),
        ("asked", asked),
        ("not before", clocks(request.not_before)),
        ("deadline", clocks(request.deadline)),
        ("attempts", str(request.attempts)),
        ("batch", safe(request.batch_id)),
        ("job", safe(" ".join(filter(None, _job_words(request))))),
        ("error", safe(": ".join(filter(None, (request.error_code, request.error_message))), 400)),
        ("submitted", clocks(request.submitted_at)),
        ("finished", clocks(request.finished_at)),
        ("acknowledged", safe(request.acknowledged_by)),
    )
    for name, text in rows:
        if text:
            yield f"{name:<13}{text}"


def _job_words(request: Request) -> tuple[str | None, ...]:
    return request.job_id, request.job_status, request.job_progress


def _print_part(title: str, lines: list[str]) -> None:
    if lines:
        click.echo(f"\n{title}")
        for line in lines:
            click.echo(f"  {line}")


def _call_lines(attempts: tuple[AttemptRecord, ...]) -> list[str]:
    if not attempts:
        return []
    heads = ("SENT", "OUTCOME", "BATCH", "HTTP", "CLOUD REQUEST ID", "DETAIL")
    return table_lines(heads, [_call_row(attempt) for attempt in attempts])


def _call_row(attempt: AttemptRecord) -> tuple[str, ...]:
    known = attempt.result
    said = (known.job_id, known.error_code, known.error_message)
    return (
        rfc3339(attempt.sent_at.replace(microsecond=0)) if attempt.sent_at else "not sent",
        known.outcome or "open",
        safe(attempt.batch_id),
        str(attempt.http_status or "-"),
        safe(attempt.cloud_request_id) or "-",
        safe(" ".join(filter(None, said)), 400),
    )


def _evidence_lines(attempts: tuple[AttemptRecord, ...]) -> list[str]:
    """What looks have said of the last call that needed any."""
    stored = [one.result.evidence for one in attempts if one.result.evidence is not None]
    if not stored:
        return []
    rows = [
        (
            rfc3339(said.first.replace(microsecond=0)),
            rfc3339(said.last.replace(microsecond=0)),
            str(said.times),
            said.kind.value,
            safe(said.sentence, 400),
        )
        for said in Tally.read(stored[-1]).said
    ]
    return table_lines(("FIRST", "LAST", "LOOKS", "EVIDENCE", "FOUND"), rows) if rows else []


def _event_lines(events: tuple[Event, ...]) -> list[str]:
    heads = ("AT", "EVENT", "BY", "DETAIL")
    rows = [
        (
            rfc3339(event.at.replace(microsecond=0)),
            safe(event.kind),
            safe(event.actor),
            _detail_words(event.detail),
        )
        for event in events
    ]
    return table_lines(heads, rows) if rows else []


def _detail_words(detail: Mapping[str, JsonScalar]) -> str:
    told = ((key, value) for key, value in detail.items() if value not in (None, "", False))
    return safe("; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in told), 400)
