"""What looks make of a request: transitions T10 to T13, T15 and T16, each at its boundaries."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.builders import NIGHT, a_request, an_id, an_instance
from offpeakd.core.evidence import Doubt, Finding, Kind
from offpeakd.core.inquiry import GAP, PATIENCE, Inquiry
from offpeakd.core.model import ALLOWED, Request, State
from offpeakd.core.policy import Policy
from offpeakd.core.seen import Job
from offpeakd.core.settle_evidence import (
    MOST_RESENDS,
    Ruling,
    adopt,
    settle_finding,
    settle_gone,
)
from offpeakd.core.tally import KEPT, Tally

TICK = timedelta(microseconds=1)
POLICY = Policy()
FENCE = NIGHT + POLICY.fence
EVERY = POLICY.reconcile_every * 9 / 10
"""Between two looks that count: a little less than between two looks."""

NEGATIVE = Finding(Kind.NEGATIVE, "no trace")
UNCLEAR = Finding(Kind.INCONCLUSIVE, "may not list jobs", complete=False)
UNANSWERED = Finding(Kind.UNANSWERED, "no route", complete=False)
CHANGED = Finding(Kind.CHANGED, "another version")
HALF_CHANGED = Finding(Kind.CHANGED, "another version", complete=False)
UPGRADING = Finding(Kind.UPGRADING, "is being upgraded")
DOUBT = Doubt(NIGHT, fenced=True, whole_version="4.0.3.5")


def unknown(**facts: Any) -> Request:
    given: dict[str, Any] = {
        "state": State.UNKNOWN,
        "attempt_id": "a1",
        "attempts": 1,
        "unknown_since": NIGHT,
        "error_message": "read timed out",
    }
    return a_request(**{**given, **facts})


def pending(**facts: Any) -> Request:
    """Running, its job id not known yet."""
    return unknown(**{"state": State.RUNNING, "unknown_since": None, **facts})


def job(status: str = "Running") -> Finding:
    ended = None if status == "Running" else NIGHT + timedelta(minutes=5)
    of = Job("job-1", an_id(1), status, NIGHT, ended, fail_reason="broke")
    return Finding(Kind.JOB, f"job job-1 is {status}", of)


def ruled(
    finding: Finding,
    at: datetime = FENCE,
    tally: Tally | None = None,
    request: Request | None = None,
    doubt: Doubt = DOUBT,
) -> Ruling:
    return settle_finding(
        Inquiry(request or unknown(), doubt, finding, at, at, tally or Tally(), POLICY)
    )


def kept(ruling: Ruling) -> Tally:
    assert ruling.change.attempt is not None
    return Tally.read(ruling.change.attempt.evidence)


# --------------------------------------------------------------------------- T10


@pytest.mark.parametrize(
    ("status", "state"),
    [("Running", "running"), ("Completed", "succeeded"), ("Failed", "failed")],
)
@pytest.mark.parametrize("at", [NIGHT, FENCE - TICK, FENCE, FENCE + PATIENCE * 9], ids=str)
def test_t10_a_job_is_adopted_at_any_time_with_its_result(
    status: str, state: str, at: datetime
) -> None:
    change = ruled(job(status), at).change

    assert (change.after.state.value, change.after.job_id) == (state, "job-1")
    assert (change.event, change.detail["job_id"]) == ("adopted", "job-1")
    assert change.attempt is not None
    assert (change.attempt.outcome, change.attempt.job_id) == ("accepted", "job-1")
    assert change.after.unknown_since is None
    assert change.after.error_message == ("broke" if state == "failed" else None)


@pytest.mark.parametrize(
    ("at", "fenced_until"),
    [(NIGHT, FENCE), (FENCE - TICK, FENCE), (FENCE, None)],
    ids=["at once", "just before the fence", "at the fence"],
)
@pytest.mark.parametrize("before", [unknown(), pending()], ids=["unknown", "running"])
def test_t10_an_adopted_job_may_be_anothers_while_the_own_call_is_on_its_way(
    before: Request, at: datetime, fenced_until: datetime | None
) -> None:
    after = ruled(job("Failed"), at, request=before).change.after

    assert (after.state, after.fenced_until) == (State.FAILED, fenced_until)
    assert after.wait_until is None


def test_t10_an_upgrade_under_way_runs_before_its_job_id_is_known() -> None:
    change = ruled(UPGRADING, NIGHT).change

    assert (change.after.state, change.after.job_id) == (State.RUNNING, None)
    assert change.after.submitted_at == NIGHT
    assert change.attempt is not None
    assert change.attempt.outcome == "started"


def test_t10_a_job_that_shows_later_gives_its_id() -> None:
    change = ruled(job(), request=pending()).change

    assert (change.after.state, change.after.job_id) == (State.RUNNING, "job-1")


# --------------------------------------------------------------------------- T11


@pytest.mark.parametrize(
    ("seen", "state"),
    [(0, "unknown"), (POLICY.looks - 2, "unknown"), (POLICY.looks - 1, "succeeded")],
)
def test_t11_a_changed_version_succeeds_at_the_last_of_the_looks(seen: int, state: str) -> None:
    ruling = ruled(CHANGED, tally=Tally(changed=seen))

    assert ruling.change.after.state.value == state
    assert kept(ruling).changed == seen + 1


@pytest.mark.parametrize(
    ("at", "counted"), [(FENCE - TICK, 0), (FENCE, 1), (FENCE + TICK, 1)], ids=str
)
def test_t11_a_changed_version_counts_from_the_fence_on(at: datetime, counted: int) -> None:
    assert kept(ruled(CHANGED, at)).changed == counted


def test_t11_a_success_without_a_job_says_so() -> None:
    change = ruled(CHANGED, tally=Tally(changed=POLICY.looks)).change

    assert change.detail["note"] == "no job id seen"
    assert (change.after.finished_at, change.after.unknown_since) == (FENCE, None)
    assert change.after.error_message is None


@pytest.mark.parametrize(
    ("waited", "state"),
    [(PATIENCE, "unknown"), (PATIENCE + TICK, "succeeded")],
    ids=["at-two-hours", "after"],
)
def test_t11_jobs_that_can_not_be_listed_are_waited_for_two_hours(
    waited: timedelta, state: str
) -> None:
    ruling = ruled(HALF_CHANGED, NIGHT + waited)

    assert ruling.change.after.state.value == state
    assert kept(ruling).changed == 0


# --------------------------------------------------------------------------- T12


@pytest.mark.parametrize(
    ("at", "counted"), [(FENCE - TICK, 0), (FENCE, 1), (FENCE + TICK, 1)], ids=str
)
def test_t12_a_negative_look_counts_from_the_fence_on(at: datetime, counted: int) -> None:
    ruling = ruled(NEGATIVE, at)

    assert ruling.change.after == ruling.change.before
    assert kept(ruling).negative == counted
    assert f"negative {counted} of {POLICY.looks}" in ruling.follows


@pytest.mark.parametrize(
    ("after", "counted"), [(EVERY - TICK, 1), (EVERY, 2), (EVERY + TICK, 2)], ids=str
)
def test_t12_looks_that_count_lie_apart(after: timedelta, counted: int) -> None:
    tally = Tally(negative=1, counted_at=FENCE)

    assert kept(ruled(NEGATIVE, FENCE + after, tally)).negative == counted


LONGEST = POLICY.reconcile_every + GAP
"""Between two looks of which the later goes on from the earlier."""


@pytest.mark.parametrize(
    ("after", "counted"), [(LONGEST - TICK, 3), (LONGEST, 3), (LONGEST + TICK, 1)], ids=str
)
def test_t12_a_look_long_after_the_last_that_counted_begins_anew(
    after: timedelta, counted: int
) -> None:
    before = Tally(negative=2, counted_at=FENCE)
    patient = replace(POLICY, looks=9)

    ruling = settle_finding(
        Inquiry(unknown(), DOUBT, NEGATIVE, FENCE + after, NIGHT, before, patient)
    )

    assert kept(ruling).negative == counted
    assert f"negative {counted} of 9" in ruling.follows


@pytest.mark.parametrize(
    ("apart", "state"), [(LONGEST, "unknown"), (LONGEST + TICK, "needs_review")], ids=str
)
def test_t12_looks_that_never_come_close_together_are_left_to_a_person(
    apart: timedelta, state: str
) -> None:
    late = FENCE + PATIENCE + timedelta(days=1)
    before = Tally(negative=1, counted_at=late - apart)

    after = ruled(NEGATIVE, late, before).change.after

    assert after.state.value == state
    if state == "needs_review":
        assert "came close enough together for 2 h" in str(after.error_message)


def test_t12_looks_that_the_configuration_has_far_apart_go_on_from_each_other() -> None:
    before, every = Tally(negative=2, counted_at=FENCE), timedelta(minutes=20)
    slow = replace(POLICY, reconcile_every=every)

    ruling = settle_finding(Inquiry(unknown(), DOUBT, NEGATIVE, FENCE + every, NIGHT, before, slow))

    assert ruling.change.after.state is State.QUEUED


@pytest.mark.parametrize(("at", "counted"), [(FENCE - TICK, 1), (FENCE, 2)], ids=str)
def test_t12_a_fence_that_was_lengthened_holds_also_after_looks_that_counted(
    at: datetime, counted: int
) -> None:
    tally = Tally(negative=1, counted_at=FENCE - timedelta(minutes=1))

    assert kept(ruled(NEGATIVE, at, tally)).negative == counted


def test_t12_a_clock_that_steps_back_counts_nothing() -> None:
    tally = Tally(negative=1, counted_at=FENCE + timedelta(hours=1))

    assert kept(ruled(NEGATIVE, FENCE, tally)).negative == 1


@pytest.mark.parametrize(
    ("seen", "state"), [(POLICY.looks - 2, "unknown"), (POLICY.looks - 1, "queued")]
)
def test_t12_the_last_negative_look_queues_it_again(seen: int, state: str) -> None:
    assert ruled(NEGATIVE, tally=Tally(negative=seen)).change.after.state.value == state


def test_t12_queued_again_it_has_used_a_resend_and_its_attempt_is_closed() -> None:
    sent = unknown(submitted_at=NIGHT)

    change = ruled(NEGATIVE, tally=Tally(negative=POLICY.looks - 1), request=sent).change

    assert (change.after.resends, change.after.attempts) == (1, 1)
    assert (change.after.unknown_since, change.after.submitted_at) == (None, None)
    assert change.after.error_message is None
    assert change.event == "not_started"
    assert change.attempt is not None
    assert (change.attempt.outcome, change.attempt.resolved_by) == ("not_started", "reconcile")


# --------------------------------------------------------------------------- T13


@pytest.mark.parametrize(
    ("resends", "state"), [(MOST_RESENDS - 1, "queued"), (MOST_RESENDS, "needs_review")]
)
def test_t13_after_its_resends_a_person_decides(resends: int, state: str) -> None:
    tally = Tally(negative=POLICY.looks - 1)

    assert (
        ruled(NEGATIVE, tally=tally, request=unknown(resends=resends)).change.after.state == state
    )


def test_t13_a_call_made_with_a_token_is_never_sent_again_by_itself() -> None:
    no_fence = replace(DOUBT, fenced=False)
    early = ruled(NEGATIVE, FENCE - TICK, Tally(negative=9), doubt=no_fence)
    last = ruled(NEGATIVE, FENCE, Tally(negative=POLICY.looks - 1), doubt=no_fence)

    assert kept(early).negative == 9
    assert last.change.after.state is State.NEEDS_REVIEW
    assert "token" in (last.change.after.error_message or "")


@pytest.mark.parametrize(
    ("waited", "looks", "state"),
    [
        (PATIENCE, 9, "unknown"),
        (PATIENCE + TICK, 9, "needs_review"),
        (PATIENCE + TICK, POLICY.looks - 1, "needs_review"),
        (PATIENCE + TICK, POLICY.looks - 2, "unknown"),
    ],
    ids=["at-two-hours", "after", "enough-looks", "too-few-looks"],
)
def test_t13_two_hours_of_looks_that_say_nothing_are_for_a_person(
    waited: timedelta, looks: int, state: str
) -> None:
    change = ruled(UNCLEAR, NIGHT + waited, Tally(inconclusive=looks)).change

    assert change.after.state.value == state
    if state == "needs_review":
        assert "may not list jobs" in (change.after.error_message or "")
        assert change.attempt is not None
        assert change.attempt.outcome is None


@pytest.mark.parametrize(
    ("waited", "state"), [(PATIENCE, "unknown"), (PATIENCE + TICK, "needs_review")], ids=str
)
def test_t13_patience_counts_from_when_it_became_unknown(waited: timedelta, state: str) -> None:
    since = NIGHT + timedelta(minutes=30)

    change = ruled(
        UNCLEAR, since + waited, Tally(inconclusive=9), unknown(unknown_since=since)
    ).change

    assert change.after.state.value == state


@pytest.mark.parametrize(
    ("waited", "state"), [(PATIENCE, "unknown"), (PATIENCE + TICK, "needs_review")], ids=str
)
def test_t13_a_clock_that_was_behind_when_it_became_unknown_has_used_up_no_patience(
    waited: timedelta, state: str
) -> None:
    behind = unknown(unknown_since=NIGHT - PATIENCE * 9)

    change = ruled(UNCLEAR, NIGHT + waited, Tally(inconclusive=9), behind).change

    assert change.after.state.value == state


@pytest.mark.parametrize(
    ("waited", "state"), [(PATIENCE, "unknown"), (PATIENCE + TICK, "needs_review")], ids=str
)
def test_t13_a_clock_that_was_ahead_when_it_became_unknown_keeps_no_person_waiting(
    waited: timedelta, state: str
) -> None:
    ahead = unknown(unknown_since=NIGHT + PATIENCE * 9)
    tally = kept(ruled(UNCLEAR, NIGHT, Tally(inconclusive=9), ahead))

    assert ruled(UNCLEAR, NIGHT + waited, tally, ahead).change.after.state.value == state


def test_t13_nothing_is_given_up_before_the_fence() -> None:
    patient = replace(POLICY, fence=PATIENCE * 2)
    inquiry = Inquiry(
        unknown(),
        DOUBT,
        UNCLEAR,
        NIGHT + PATIENCE * 2 - TICK,
        NIGHT,
        Tally(inconclusive=9),
        patient,
    )

    early = settle_finding(inquiry)
    assert early.change.after.state is State.UNKNOWN
    assert "a person is asked from 2026-11-24T06:00:00Z on" in early.follows
    later = replace(inquiry, at=NIGHT + PATIENCE * 2)
    assert settle_finding(later).change.after.state is State.NEEDS_REVIEW


def test_t13_a_look_that_says_nothing_resets_nothing() -> None:
    before = Tally(negative=2, changed=1, counted_at=FENCE)

    after = kept(ruled(UNCLEAR, FENCE + timedelta(minutes=1), before))

    assert (after.negative, after.changed, after.counted_at) == (2, 1, FENCE)
    assert after.inconclusive == 1


@pytest.mark.parametrize("request_", [unknown(), pending()], ids=["unknown", "running"])
def test_t13_no_outage_is_so_long_that_a_person_is_asked(request_: Request) -> None:
    before = Tally(inconclusive=99)

    ruling = ruled(UNANSWERED, FENCE + PATIENCE * 99, before, request_)

    assert ruling.change.after == request_
    assert kept(ruling).inconclusive == 99


@pytest.mark.parametrize(
    ("waited", "state"), [(PATIENCE, "unknown"), (PATIENCE + TICK, "needs_review")], ids=str
)
@pytest.mark.parametrize("outage", [TICK, PATIENCE * 9], ids=["short", "long"])
def test_t13_after_an_outage_there_is_as_much_patience_left_as_there_was_before(
    outage: timedelta, waited: timedelta, state: str
) -> None:
    tally = Tally(inconclusive=99)
    for at, finding in ((0, UNCLEAR), (0.5, UNANSWERED), (1, UNCLEAR)):
        tally = kept(ruled(finding, NIGHT + outage * at, tally))

    assert ruled(UNCLEAR, NIGHT + outage + waited, tally).change.after.state.value == state


# --------------------------------------------------------------------------- T15, T16


def test_t15_an_adopted_upgrade_that_changed_the_version_succeeds() -> None:
    ruling = ruled(CHANGED, tally=Tally(changed=POLICY.looks - 1), request=pending())

    assert ruling.change.after.state is State.SUCCEEDED


def test_t16_an_upgrade_that_still_shows_keeps_running_and_restarts_the_patience() -> None:
    tally = Tally(silent=PATIENCE)

    ruling = ruled(UPGRADING, FENCE + PATIENCE * 9, tally, pending())

    assert ruling.change.after == ruling.change.before
    assert (kept(ruling).since, kept(ruling).silent) == (FENCE + PATIENCE * 9, timedelta(0))


@pytest.mark.parametrize("finding", [NEGATIVE, UNCLEAR], ids=["negative", "inconclusive"])
@pytest.mark.parametrize(
    ("waited", "state"), [(PATIENCE, "running"), (PATIENCE + TICK, "needs_review")], ids=str
)
def test_t16_an_upgrade_that_vanished_is_for_a_person_after_two_hours_and_never_sent_again(
    finding: Finding, waited: timedelta, state: str
) -> None:
    tally = Tally(negative=99, inconclusive=99, since=FENCE)

    assert ruled(finding, FENCE + waited, tally, pending()).change.after.state.value == state


@pytest.mark.parametrize(
    ("changed", "instance", "state"),
    [
        ("the version became 5", an_instance(), "succeeded"),
        ("", an_instance(), "failed"),
        ("", an_instance(actions=("RESTARTING",)), "needs_review"),
        ("", an_instance(patch_available=None), "needs_review"),
        ("", None, "needs_review"),
    ],
    ids=["changed", "unchanged", "busy", "untold", "gone-too"],
)
def test_t15_a_forgotten_job_is_told_by_the_instance(
    changed: str, instance: Any, state: str
) -> None:
    request = pending(job_id="job-1")

    change = settle_gone(request, changed, instance, NIGHT)

    assert change.after.state.value == state
    assert change.detail["job_id"] == "job-1"


# --------------------------------------------------------------------------- for people

LAST = POLICY.looks - 1


@pytest.mark.parametrize(
    ("finding", "facts", "follows"),
    [
        pytest.param(job(), {}, "running with job job-1", id="job"),
        pytest.param(job("Failed"), {}, "failed with job job-1", id="failed job"),
        pytest.param(UPGRADING, {}, "running; its job id is looked for", id="upgrading"),
        pytest.param(
            UPGRADING,
            {"request": pending()},
            "running; its job id is looked for",
            id="still upgrading",
        ),
        pytest.param(
            CHANGED,
            {},
            "upgraded, 1 of 3 looks without a job; next counts 2026-11-24T02:18:27Z",
            id="changed",
        ),
        pytest.param(
            CHANGED,
            {"at": NIGHT},
            "upgraded, 0 of 3 looks without a job; next counts 2026-11-24T02:18:00Z",
            id="changed before the fence",
        ),
        pytest.param(
            CHANGED, {"tally": Tally(changed=LAST)}, "succeeded; no job id seen", id="upgraded"
        ),
        pytest.param(
            NEGATIVE,
            {},
            "negative 1 of 3; the next counts from 2026-11-24T02:18:27Z",
            id="negative",
        ),
        pytest.param(
            NEGATIVE,
            {"tally": Tally(negative=LAST)},
            "queued again: 3 looks after the fence found no trace of an upgrade",
            id="negative to the last",
        ),
        pytest.param(
            NEGATIVE,
            {"tally": Tally(negative=LAST), "doubt": replace(DOUBT, fenced=False)},
            "a person has to decide: nothing shows that it was started, but a call made with a "
            "token never goes stale: it could still arrive",
            id="a token",
        ),
        pytest.param(
            NEGATIVE,
            {"tally": Tally(negative=LAST), "request": unknown(resends=MOST_RESENDS)},
            "a person has to decide: nothing shows that it was started, for the second time",
            id="the second time",
        ),
        pytest.param(
            NEGATIVE,
            {"request": pending()},
            "a person is asked from 2026-11-24T04:00:00Z on",
            id="vanished",
        ),
        pytest.param(
            NEGATIVE,
            {"request": pending(), "at": NIGHT + PATIENCE + TICK},
            "a person has to decide: no job of it was ever listed, and for 2 h: no trace",
            id="vanished for long",
        ),
        pytest.param(
            UNANSWERED,
            {},
            "the cloud gave no answer; this look counts for nothing",
            id="no answer",
        ),
        pytest.param(
            UNCLEAR,
            {},
            "says nothing; looks go on, a person is asked from 2026-11-24T04:00:00Z on",
            id="unclear",
        ),
        pytest.param(
            UNCLEAR,
            {"at": NIGHT + PATIENCE + TICK, "tally": Tally(inconclusive=LAST)},
            "a person has to decide: nothing could be proved for 2 h: may not list jobs",
            id="unclear for long",
        ),
    ],
)
def test_a_ruling_says_what_was_found_and_what_comes_of_it(
    finding: Finding, facts: dict[str, Any], follows: str
) -> None:
    ruling = ruled(finding, **facts)

    assert (ruling.finding, ruling.follows) == (finding, follows)
    assert kept(ruling).said[-1].sentence == finding.sentence
    decides = "a person has to decide: "
    assert follows.startswith(decides) is (ruling.change.after.state is State.NEEDS_REVIEW)
    if follows.startswith(decides):
        assert ruling.change.after.error_message == follows.removeprefix(decides)


@pytest.mark.parametrize("finding", [NEGATIVE, CHANGED], ids=["negative", "changed"])
def test_a_look_that_counts_is_kept_with_its_instant(finding: Finding) -> None:
    assert kept(ruled(finding, FENCE + TICK)).counted_at == FENCE + TICK
    assert kept(ruled(finding, FENCE - TICK)).counted_at is None


# --------------------------------------------------------------------------- all of them


def test_a_queued_request_takes_over_a_job_and_waits_no_more() -> None:
    waiting = a_request(wait_until=FENCE, wait_reason="backoff", held_reason="kim", cohort="b")
    of = Job("job-1", an_id(1), "Running", NIGHT)

    change = adopt(waiting, of, NIGHT, "the cloud has it")

    assert (change.after.state, change.after.job_id) == (State.RUNNING, "job-1")
    assert change.after.submitted_at == NIGHT
    waits = (change.after.wait_until, change.after.held_reason, change.after.cohort)
    assert waits == (None, None, None)


def test_a_job_that_runs_as_was_known_gives_its_id_and_the_instant() -> None:
    of = Job("job-1", an_id(1), "Running", NIGHT)

    after = adopt(pending(job_status="Running"), of, FENCE, "the cloud has it").after

    assert (after.state, after.job_id, after.changed_at) == (State.RUNNING, "job-1", FENCE)


instants = st.timedeltas(timedelta(0), PATIENCE * 2).map(lambda span: NIGHT + span)
findings = st.sampled_from([NEGATIVE, UNCLEAR, CHANGED, HALF_CHANGED, UPGRADING, job()])


def counted_ones(negative: list[datetime]) -> list[datetime]:
    """Those of the looks that lie far enough apart to count."""
    counted: list[datetime] = []
    for at in negative:
        if not counted or at - counted[-1] >= EVERY:
            counted.append(at)
    return counted


@given(
    looks=st.lists(st.tuples(instants, findings), max_size=40).map(
        lambda looks: sorted(looks, key=lambda look: look[0])
    ),
    fenced=st.booleans(),
    resends=st.integers(0, 2),
)
def test_no_order_of_looks_queues_again_what_is_not_proved_unsent(
    looks: list[tuple[datetime, Finding]], fenced: bool, resends: int
) -> None:
    request, tally = unknown(resends=resends), Tally()
    negative: list[datetime] = []
    for at, finding in looks:
        before = request
        doubt = replace(DOUBT, fenced=fenced)
        ruling = settle_finding(Inquiry(request, doubt, finding, at, at, tally, POLICY))
        request, tally = ruling.change.after, kept(ruling)
        assert request.state is before.state or request.state in ALLOWED[before.state]
        assert len(tally.said) <= KEPT
        if finding is NEGATIVE and at >= FENCE:
            negative.append(at)
        if request.state is State.QUEUED:
            assert fenced
            assert resends < MOST_RESENDS
            assert before.state is State.UNKNOWN
            assert len(negative) >= POLICY.looks
            last = counted_ones(negative)[-POLICY.looks :]
            assert len(last) == POLICY.looks
            assert all(later - one <= LONGEST for one, later in pairwise(last))
        if request.state not in {State.UNKNOWN, State.RUNNING} or request.job_id is not None:
            return
