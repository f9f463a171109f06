"""What people may ask for and decide, and what they are told where they may not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from offpeakd.core import intake
from offpeakd.core.change import Change
from offpeakd.core.errors import UsageError
from offpeakd.core.intake import Already, Decision, Refusal, Wish
from offpeakd.core.model import ALLOWED, LIVE, Request, State

NOW = datetime(2026, 11, 24, 16, tzinfo=UTC)
SOON = timedelta(microseconds=1)
INSTANCE = f"{1:032x}in02"
Verb = Callable[[Request, datetime, str, str], Decision]
VERBS: tuple[Verb, ...] = (
    intake.hold,
    intake.unhold,
    intake.cancel,
    intake.retry,
    intake.acknowledge,
)


def a_request(state: State = State.QUEUED, **facts: object) -> Request:
    request = Request("prod", INSTANCE, NOW - timedelta(hours=1), id=7, state=state)
    end = {"finished_at": None if state in LIVE else NOW}
    return replace(request, **(end | facts))  # type: ignore[arg-type]  # facts are named in the tests


def changed(decision: Decision) -> Change:
    assert isinstance(decision, Change)
    return decision


def test_a_new_request_keeps_who_asked_when_and_why() -> None:
    wish = Wish("prod", INSTANCE, group="db", priority=5, reason="CVE")

    made = intake.new_request(wish, NOW, "zhang")

    assert made == Request(
        "prod",
        INSTANCE,
        NOW,
        group="db",
        priority=5,
        reason="CVE",
        requested_by="zhang",
        changed_at=NOW,
    )


@pytest.mark.parametrize(
    ("not_before", "waits"),
    [(NOW - SOON, False), (NOW, False), (NOW + SOON, True)],
    ids=["just past", "now", "just ahead"],
)
def test_only_a_not_before_that_lies_ahead_holds_a_request_back(
    not_before: datetime, waits: bool
) -> None:
    made = intake.new_request(Wish("prod", INSTANCE, not_before=not_before), NOW, "zhang")

    assert made.not_before == not_before
    assert made.wait_until == (not_before if waits else None)
    assert made.wait_reason == ("not-before" if waits else None)


@pytest.mark.parametrize("deadline", [NOW - SOON, NOW], ids=["past", "now"])
def test_a_deadline_that_has_passed_is_refused(deadline: datetime) -> None:
    with pytest.raises(UsageError, match="has passed already") as caught:
        intake.new_request(Wish("prod", INSTANCE, deadline=deadline), NOW, "zhang")
    assert caught.value.fix == "Give a later one, or none."


def test_a_deadline_that_lies_ahead_is_kept() -> None:
    made = intake.new_request(Wish("prod", INSTANCE, deadline=NOW + SOON), NOW, "zhang")

    assert made.deadline == NOW + SOON


def test_a_deadline_has_to_lie_after_the_not_before() -> None:
    later = NOW + timedelta(hours=1)

    intake.check_wish(Wish("prod", INSTANCE, not_before=later, deadline=later + SOON), NOW)
    with pytest.raises(UsageError, match="could never be released") as caught:
        intake.check_wish(Wish("prod", INSTANCE, not_before=later, deadline=later), NOW)
    assert caught.value.fix == "Give a later deadline or an earlier not-before."


def test_a_held_request_stays_queued_and_names_the_reason() -> None:
    held = a_request(held_reason="billing run", changed_at=NOW)

    assert intake.hold(a_request(), NOW, "zhang", "billing run") == Change(
        a_request(), held, "held", "zhang", {"reason": "billing run"}
    )


def test_a_hold_may_get_another_reason() -> None:
    again = changed(intake.hold(a_request(held_reason="a"), NOW, "zhang", "b"))

    assert again.after.held_reason == "b"


def test_unholding_takes_the_reason_away_and_keeps_it_in_the_history() -> None:
    held = a_request(held_reason="a")

    assert intake.unhold(held, NOW, "zhang", "done") == Change(
        held, a_request(changed_at=NOW), "unheld", "zhang", {"reason": "done", "was_held": "a"}
    )


def test_a_cancelled_request_waits_for_nothing_any_more() -> None:
    waiting = a_request(held_reason="a", wait_until=NOW, wait_reason="backoff", wait_detail="b")
    cancelled = a_request(State.CANCELLED, finished_at=NOW, changed_at=NOW)

    assert intake.cancel(waiting, NOW, "zhang", "not needed") == Change(
        waiting, cancelled, "cancelled", "zhang", {"reason": "not needed"}
    )


@pytest.mark.parametrize(
    ("fenced_until", "not_before", "waits_until", "reason"),
    [
        pytest.param(NOW + SOON, None, NOW + SOON, "unanswered-call", id="may still arrive"),
        pytest.param(NOW, None, None, None, id="can't arrive any more"),
        pytest.param(NOW + SOON, NOW, NOW + SOON, "unanswered-call", id="not before is past"),
        pytest.param(NOW + SOON, NOW + 2 * SOON, NOW + 2 * SOON, "not-before", id="and is later"),
        pytest.param(NOW + SOON, NOW + SOON, NOW + SOON, "not-before", id="and is the same"),
        pytest.param(
            NOW + 2 * SOON, NOW + SOON, NOW + 2 * SOON, "unanswered-call", id="and is earlier"
        ),
    ],
)
def test_a_retried_request_waits_while_a_call_that_was_never_answered_may_arrive(
    fenced_until: datetime,
    not_before: datetime | None,
    waits_until: datetime | None,
    reason: str | None,
) -> None:
    failed = a_request(State.FAILED, fenced_until=fenced_until, not_before=not_before)

    queued = changed(intake.retry(failed, NOW, "zhang", "again")).after

    assert (queued.wait_until, queued.wait_reason) == (waits_until, reason)
    assert queued.fenced_until == fenced_until
    assert ("never answered" in (queued.wait_detail or "")) == (reason == "unanswered-call")


def test_a_cancelled_request_still_tells_until_when_its_call_may_arrive() -> None:
    waiting = a_request(fenced_until=NOW + SOON, wait_until=NOW + SOON)

    assert changed(intake.cancel(waiting, NOW, "zhang", "no")).after.fenced_until == NOW + SOON


def test_a_retried_request_starts_afresh() -> None:
    failed = a_request(
        State.FAILED,
        attempts=5,
        resends=1,
        job_id="j",
        job_status="Failed",
        job_progress="9%",
        error_code="DBS.1",
        error_message="no",
        submitted_at=NOW,
        unknown_since=NOW,
        finished_at=NOW,
        acknowledged_by="li",
        cohort="c",
        held_reason="a",
        wait_until=NOW,
        wait_reason="backoff",
        wait_detail="b",
    )

    assert intake.retry(failed, NOW, "zhang", "disk is free") == Change(
        failed,
        a_request(changed_at=NOW),
        "retried",
        "zhang",
        {
            "reason": "disk is free",
            "was": "failed",
            "error_code": "DBS.1",
            "job_id": "j",
            "deadline_dropped": False,
        },
    )


def test_a_retried_request_waits_for_its_time_when_that_lies_ahead() -> None:
    failed = a_request(State.FAILED, not_before=NOW + SOON)

    after = changed(intake.retry(failed, NOW, "zhang", "why")).after

    assert (after.wait_until, after.wait_reason) == (NOW + SOON, "not-before")


@pytest.mark.parametrize(
    ("deadline", "kept"),
    [(NOW, False), (NOW + SOON, True)],
    ids=["passed", "still ahead"],
)
def test_a_retry_drops_only_a_deadline_that_has_passed(deadline: datetime, kept: bool) -> None:
    expired = a_request(State.EXPIRED, deadline=deadline, finished_at=NOW)

    change = changed(intake.retry(expired, NOW, "zhang", "late"))

    assert change.after.deadline == (deadline if kept else None)
    assert change.detail["deadline_dropped"] is not kept


def test_an_acknowledged_failure_stays_failed() -> None:
    failed = a_request(State.FAILED)
    seen = a_request(State.FAILED, acknowledged_by="zhang", changed_at=NOW)

    assert intake.acknowledge(failed, NOW, "zhang", "seen") == Change(
        failed, seen, "acknowledged", "zhang", {"reason": "seen"}
    )


@pytest.mark.parametrize(
    ("verb", "request_", "sentence"),
    [
        (intake.hold, a_request(held_reason="why"), "is held for that reason already"),
        (intake.unhold, a_request(), "is not held"),
        (intake.cancel, a_request(State.CANCELLED), "is cancelled already"),
        (intake.retry, a_request(), "is queued already"),
        (
            intake.acknowledge,
            a_request(State.FAILED, acknowledged_by="li"),
            "was acknowledged by li already",
        ),
    ],
    ids=["hold", "unhold", "cancel", "retry", "ack"],
)
def test_what_is_so_already_is_no_change(verb: Verb, request_: Request, sentence: str) -> None:
    assert verb(request_, NOW, "zhang", "why") == Already(sentence)


@pytest.mark.parametrize(
    ("verb", "done"),
    list(zip(VERBS, ["held", "let go", "cancelled", "retried", "acknowledged"], strict=True)),
    ids=[verb.__name__ for verb in VERBS],
)
def test_a_refusal_says_how_it_stands_and_what_cannot_be_done(verb: Verb, done: str) -> None:
    assert verb(a_request(State.NEEDS_REVIEW), NOW, "zhang", "why") == Refusal(
        f"is needs review: it can't be {done}", "Possible now: resolve."
    )


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("state", State)
def test_no_decision_leads_where_the_states_do_not_allow(verb: Verb, state: State) -> None:
    decision = verb(a_request(state), NOW, "zhang", "why")

    match decision:
        case Change(before=before, after=after):
            assert after.state in ALLOWED[before.state]
        case Refusal(what, possible):
            assert what.startswith(f"is {state.value.replace('_', ' ')}: it can't be ")
            assert possible
        case Already(what):
            assert what


@pytest.mark.parametrize("state", [State.SUBMITTING, State.UNKNOWN, State.RUNNING, State.SUCCEEDED])
def test_nothing_is_decided_about_what_has_been_sent(state: State) -> None:
    for verb in VERBS:
        assert isinstance(verb(a_request(state), NOW, "zhang", "why"), Refusal)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_reason_has_to_say_something(text: str) -> None:
    with pytest.raises(UsageError, match="the reason is empty") as caught:
        intake.stated(text)
    assert caught.value.message == "the reason is empty"
    assert caught.value.fix == "Say why: it is kept in the history."


def test_a_reason_is_kept_without_the_blanks_around_it() -> None:
    assert intake.stated("  a billing run\n") == "a billing run"
