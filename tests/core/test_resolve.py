"""T17: what a person decides about a request that needs a review."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from fakes.builders import NIGHT, NOON, a_request
from offpeakd.core.change import Change
from offpeakd.core.evidence import Finding, Kind
from offpeakd.core.intake import Refusal
from offpeakd.core.model import State
from offpeakd.core.resolve import Resolution, resolve
from offpeakd.core.tally import Tally

HOUR = timedelta(hours=1)
REVIEW = a_request(
    state=State.NEEDS_REVIEW,
    attempt_id="a1",
    attempts=2,
    resends=1,
    unknown_since=NOON,
    error_code="unresolved",
    error_message="no proof",
)
TALLY = Tally(negative=3, since=NOON).noting(NOON, Finding(Kind.NEGATIVE, "no trace"), NOON)


def decided(resolution: Resolution, job_id: str | None = None) -> Change:
    change = resolve(REVIEW, resolution, NIGHT, "kim", "seen in the console", TALLY, job_id)
    assert isinstance(change, Change)
    return change


@pytest.mark.parametrize(
    ("resolution", "state", "outcome"),
    [
        (Resolution.STARTED, State.RUNNING, "started"),
        (Resolution.NOT_STARTED, State.QUEUED, "not_started"),
        (Resolution.CANCEL, State.CANCELLED, "given_up"),
    ],
)
def test_t17_a_person_decides_and_stands_for_it(
    resolution: Resolution, state: State, outcome: str
) -> None:
    change = decided(resolution)

    assert change.after.state is state
    assert (change.event, change.actor) == ("resolved", "kim")
    assert change.detail["reason"] == "seen in the console"
    assert change.attempt is not None
    assert change.attempt.outcome == outcome
    assert change.attempt.resolved_by == "kim"
    assert Tally.read(change.attempt.evidence).said == TALLY.said


def test_t17_started_is_watched_from_now_on() -> None:
    change = decided(Resolution.STARTED)

    assert (change.after.job_id, change.after.job_status) == (None, None)
    assert change.after.submitted_at == NOON
    assert change.attempt is not None
    assert Tally.read(change.attempt.evidence) == Tally(since=NIGHT, said=TALLY.said)


def test_t17_started_with_a_job_is_followed_up_by_it() -> None:
    change = decided(Resolution.STARTED, "job-1")

    assert (change.after.job_id, change.after.job_status) == ("job-1", "Running")
    assert change.attempt is not None
    assert change.attempt.job_id == "job-1"


def test_t17_started_keeps_the_job_that_is_known_unless_another_is_named() -> None:
    known = replace(REVIEW, job_id="job-0")

    same = resolve(known, Resolution.STARTED, NIGHT, "kim", "seen", TALLY)
    other = resolve(known, Resolution.STARTED, NIGHT, "kim", "seen", TALLY, "job-1")

    assert isinstance(same, Change)
    assert isinstance(other, Change)
    assert (same.after.job_id, same.after.job_status) == ("job-0", "Running")
    assert other.after.job_id == "job-1"


@pytest.mark.parametrize(
    ("facts", "since"),
    [
        ({"submitted_at": NOON + HOUR, "unknown_since": NOON}, NOON + HOUR),
        ({"unknown_since": NOON}, NOON),
        ({"unknown_since": None}, NIGHT),
    ],
    ids=["sent", "in doubt", "neither"],
)
def test_t17_started_counts_from_when_it_was_sent_as_far_as_is_known(
    facts: dict[str, Any], since: datetime
) -> None:
    change = resolve(
        replace(REVIEW, **facts), Resolution.STARTED, NIGHT, "kim", "seen", TALLY, None
    )

    assert isinstance(change, Change)
    assert change.after.submitted_at == since


def test_t17_not_started_forgets_all_of_the_call() -> None:
    told = replace(REVIEW, job_id="j", job_status="Running", job_progress="9%", submitted_at=NOON)

    change = resolve(told, Resolution.NOT_STARTED, NIGHT, "kim", "seen", TALLY)

    assert isinstance(change, Change)
    after = change.after
    assert (after.job_id, after.job_status, after.job_progress) == (None, None, None)
    assert (after.submitted_at, after.unknown_since, after.error_message) == (None, None, None)


@pytest.mark.parametrize("resolution", [Resolution.NOT_STARTED, Resolution.CANCEL])
def test_t17_what_the_looks_said_stays_with_the_attempt(resolution: Resolution) -> None:
    known = decided(resolution).attempt

    assert known is not None
    assert Tally.read(known.evidence) == TALLY


def test_t17_not_started_may_be_sent_and_sent_again_once_more() -> None:
    after = decided(Resolution.NOT_STARTED).after

    assert (after.resends, after.attempts, after.error_code) == (0, 2, None)


@pytest.mark.parametrize("state", [state for state in State if state is not State.NEEDS_REVIEW])
def test_t17_nothing_else_is_for_a_person_to_resolve(state: State) -> None:
    refusal = resolve(a_request(state=state), Resolution.CANCEL, NIGHT, "kim", "because", Tally())

    assert isinstance(refusal, Refusal)
    assert "can't be resolved" in refusal.what
    assert refusal.possible
