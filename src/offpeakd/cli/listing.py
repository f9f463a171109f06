"""Prints requests: fifty rows for a person, all of them for a script, page by page."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from offpeakd.cli.output import Format, say, write_records, write_table
from offpeakd.cli.records import REQUEST_KEYS, request_record
from offpeakd.cli.safe_text import safe
from offpeakd.core.clock_text import both_clocks
from offpeakd.core.model import Request, State
from offpeakd.ports import Filter, Ledger

if TYPE_CHECKING:
    from offpeakd.cli.context import Invocation
    from offpeakd.service.outlook import Outlook

SHOWN: Final = 50
"""Rows of a table unless `--limit` says otherwise."""

PAGE: Final = 1000
COUNTED: Final = 10_000
"""Further rows that are counted one by one; beyond, only that there are more is said."""

HEADS: Final = ("ID", "INSTANCE", "TARGET", "GROUP", "STATE", "DETAIL")


def print_requests(invocation: "Invocation", requests: Sequence[Request], form: Format) -> None:
    """Print requests that are at hand.

    Args:
        invocation: for the reasons they wait.
        requests: in the order of printing.
        form: a table is cut after fifty rows.
    """
    if form is Format.TABLE:
        shown = requests[:SHOWN]
        write_rows(invocation, shown)
        if len(requests) > len(shown):
            say(f"… and {len(requests) - len(shown):,} more")
    else:
        write_all(invocation, requests, form)


def write_rows(invocation: "Invocation", requests: Sequence[Request]) -> None:
    """A table of requests; nothing at all, not even its head, for none."""
    if requests:
        view, zone = invocation.outlook(), invocation.zone()
        write_table(HEADS, [_row(request, view, zone) for request in requests])


def write_all(invocation: "Invocation", requests: Iterable[Request], form: Format) -> None:
    """Requests in a format for scripts, as they come."""
    view = invocation.outlook()
    records = (request_record(request, verdict_code(request, view)) for request in requests)
    write_records(records, form, REQUEST_KEYS, "id")


def verdict_code(request: Request, view: "Outlook") -> str | None:
    """Why a request waits, as scripts read it; None for one that doesn't wait."""
    found = view.verdict(request)
    return None if found is None else found.code.value


def pages(ledger: Ledger, which: Filter, after_id: int = 0) -> Iterator[Request]:
    """Every request that the filter lets through; holds a page at a time."""
    while page := ledger.page(which, after_id, PAGE):
        yield from page
        if len(page) < PAGE:
            return
        after_id = page[-1].id


def say_how_many_more(ledger: Ledger, which: Filter, shown: int, last_id: int) -> None:
    """Say how many requests a table left out; nothing where it left out none."""
    if which.groups or which.instance_id is not None or which.follow_up:
        more = sum(1 for _ in islice(pages(ledger, which, last_id), COUNTED + 1))
        number = f"more than {COUNTED:,}" if more > COUNTED else f"{more:,}"
    else:
        more = _matching(ledger, which) - shown
        number = f"{more:,}"
    if more > 0:
        say(f"… and {number} more (--limit 0 for all)")


def _matching(ledger: Ledger, which: Filter) -> int:
    return sum(
        number
        for (target, state), number in ledger.counts().items()
        if (not which.targets or target in which.targets)
        and (not which.states or state in which.states)
    )


def state_text(state: State) -> str:
    """The state as people read it."""
    return state.value.replace("_", " ")


def _row(request: Request, view: "Outlook", zone: str) -> tuple[str, ...]:
    return (
        str(request.id),
        request.instance_id,
        safe(request.target),
        safe(request.group),
        state_text(request.state),
        detail(request, view, zone),
    )


def detail(request: Request, view: "Outlook", zone: str) -> str:
    """What else there is to say of a request in its state, fit for a cell."""
    now = view.situation.now
    match request.state:
        case State.QUEUED:
            waits = view.verdict(request)
            return "" if waits is None else safe(waits.sentence)
        case State.SUBMITTING:
            return "being sent"
        case State.UNKNOWN:
            return "whether the cloud started it is being found out"
        case State.RUNNING:
            return _job_words(request)
        case State.FAILED | State.NEEDS_REVIEW:
            return error_text(request)
        case State.SUCCEEDED | State.CANCELLED | State.EXPIRED:
            ended = request.finished_at
            return "" if ended is None else both_clocks(ended, zone, now)


def error_text(request: Request) -> str:
    """The last refusal or failure: its code and its text."""
    return safe(" ".join(filter(None, (request.error_code, request.error_message))))


def _job_words(request: Request) -> str:
    if request.job_id is None:
        return "its job id is looked for"
    return safe(" ".join(filter(None, ("job", request.job_id, request.job_progress))))
