"""docs/usage/guarantees.md tells the truth; `UPDATE_PAGES=1` draws its states anew."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from docs.transitions import Step, meanings, steps
from offpeakd.cli.main import ENTRIES
from offpeakd.core.clock_trust import SKEW, STEP_BACK
from offpeakd.core.durations import format_duration
from offpeakd.core.evidence import EARLIER
from offpeakd.core.inquiry import PATIENCE
from offpeakd.core.model import ALLOWED, State
from offpeakd.core.policy import Policy
from offpeakd.service.gate import DECISION_AGE
from offpeakd.service.holds import LEASE_MARGIN

if TYPE_CHECKING:
    from datetime import timedelta

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs/usage/guarantees.md"
STEPS: Final = steps()


def diagram() -> str:
    ways: dict[tuple[State, State], set[str]] = {}
    for step in STEPS:
        if step.before is not step.after:
            ways.setdefault((step.before, step.after), set()).add(step.cause)
    lines = [
        f"    {before} --> {after}: {', '.join(sorted(causes))}"
        for (before, after), causes in sorted(ways.items(), key=_in_order)
    ]
    ends = [f"    {state} --> [*]" for state in State if not ALLOWED[state]]
    return "\n".join(
        ["```mermaid", "stateDiagram-v2", "    [*] --> queued: add", *lines, *ends, "```", ""]
    )


def table_of_states() -> str:
    said = meanings()
    rows = [f"| `{state}` | {said[state]} |" for state in State]
    return "\n".join(["| state | meaning |", "|---|---|", *rows, ""])


def table_of_steps() -> str:
    ways: dict[tuple[State, State, str], set[str]] = {}
    for step in STEPS:
        if step.before is not step.after:
            ways.setdefault((step.before, step.after, step.cause), set()).add(step.event)
    rows = [
        f"| `{before}` | `{after}` | {cause} | {', '.join(f'`{one}`' for one in sorted(events))} |"
        for (before, after, cause), events in sorted(ways.items(), key=_in_order)
    ]
    return "\n".join(["| from | to | by | event |", "|---|---|---|---|", *rows, ""])


def table_of_times() -> str:
    usual = Policy()
    times: list[tuple[str, timedelta, str]] = [
        (
            "`release.guard`",
            usual.guard,
            "left of an opening, beside its cutoff, at the first byte",
        ),
        ("decision", DECISION_AGE, "age beyond which a decision to send is dropped"),
        ("`release.preflight`", usual.preflight, "age of the last look at an instance, at most"),
        ("`reconcile.fence`", usual.fence, "age of a signature from which on absence counts"),
        ("`reconcile.every`", usual.reconcile_every, "between looks at what is unknown"),
        ("before the signature", EARLIER, "a job dated so much earlier is still the call's own"),
        ("patience", PATIENCE, "of looks that say nothing, before a person has to"),
        ("clock", SKEW, "disagreement with the cloud's clock that holds releases"),
        ("set back", STEP_BACK, "behind the latest time seen, beyond which nothing is released"),
        ("`lease.ttl`", usual.lease_ttl, "a silent daemon keeps its claims (PostgreSQL)"),
        ("lease", LEASE_MARGIN, "left of the lease at the first byte (PostgreSQL)"),
    ]
    rows = [f"| {name} | {format_duration(span)} | {what} |" for name, span, what in times]
    return "\n".join(["| what | default | meaning |", "|---|---|---|", *rows, ""])


def drawn(page: str) -> str:
    """The page with everything on it that the code knows better."""
    for name, text in (
        ("diagram", diagram()),
        ("states", table_of_states()),
        ("steps", table_of_steps()),
        ("times", table_of_times()),
    ):
        start, end = f"<!-- {name} -->\n", "<!-- end -->"
        before, _, rest = page.partition(start)
        page = f"{before}{start}{text}{end}{rest.partition(end)[2]}"
    return page


def _in_order(item: tuple[tuple[State, State, *tuple[str, ...]], object]) -> tuple[object, ...]:
    order = list(State)
    before, after, *rest = item[0]
    return order.index(before), order.index(after), *rest


def test_states_steps_and_times_are_those_of_the_code() -> None:
    fresh = drawn(PAGE.read_text(encoding="utf-8"))
    if os.environ.get("UPDATE_PAGES"):
        PAGE.write_text(fresh, encoding="utf-8")

    page = PAGE.read_text(encoding="utf-8")

    assert page.count("<!-- end -->") == 4
    assert page == fresh


def test_every_step_that_is_allowed_is_taken_by_something_and_no_other_is() -> None:
    allowed = {(before, after) for before, afters in ALLOWED.items() for after in afters}
    taken = {(step.before, step.after) for step in STEPS}
    staying = {(state, state) for state in State}

    assert taken - staying == allowed - staying


@pytest.mark.parametrize(
    ("before", "after", "causes"),
    [
        (None, State.SUBMITTING, {"release"}),
        (State.SUBMITTING, State.QUEUED, {"the answer to the call"}),
        (State.UNKNOWN, None, {"evidence", "a late answer to the call"}),
        (State.UNKNOWN, State.SUBMITTING, set[str]()),
        (State.NEEDS_REVIEW, None, {"a person", "a late answer to the call"}),
        (State.SUCCEEDED, None, set[str]()),
        (State.CANCELLED, None, set[str]()),
        (State.FAILED, None, {"a person"}),
        (State.EXPIRED, None, {"a person"}),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_only_what_proves_something_moves_a_request(
    before: State | None, after: State | None, causes: set[str]
) -> None:
    def concerns(step: Step) -> bool:
        moves = step.before is not step.after
        return moves and before in {None, step.before} and after in {None, step.after}

    assert {step.cause for step in STEPS if concerns(step)} == causes


def test_every_file_and_test_that_it_names_is_there() -> None:
    links = 0
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        files = [PAGE.parent / link for link in re.findall(r"\]\(([^)#:]+)\)", line)]
        assert [file for file in files if not file.is_file()] == []
        code = "".join(file.read_text(encoding="utf-8") for file in files)
        named = re.findall(r"`(test_\w+)`", line)
        assert [name for name in named if f"def {name}(" not in code] == []
        links += len(files)

    assert links > 20


def test_every_command_that_it_names_is_there() -> None:
    named = set(re.findall(r"`offpeakd (\w+)", PAGE.read_text(encoding="utf-8")))

    assert named
    assert named <= {entry.name for entry in ENTRIES}
