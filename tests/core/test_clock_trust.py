"""Whether the wall clock may decide what is released."""

from datetime import UTC, datetime, timedelta

import pytest

from offpeakd.core.clock_trust import (
    SIGNING_FAILS,
    SKEW,
    STEP_BACK,
    UNWITNESSED,
    ClockFacts,
    distrust,
)
from offpeakd.core.verdicts import Code, Kind

NOW = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)
TICK = timedelta(microseconds=1)
NONE = timedelta(0)


def facts(
    offset: timedelta | None = NONE, seen: timedelta = NONE, *, undated: bool = False
) -> ClockFacts:
    """A clock, how far it is ahead of the cloud's, and what had been seen relative to it."""
    return ClockFacts(NOW, offset, NOW + seen, undated)


@pytest.mark.parametrize(
    ("offset", "trusted"),
    [
        (NONE, True),
        (SKEW - TICK, True),
        (SKEW, False),
        (SKEW + TICK, False),
        (TICK - SKEW, True),
        (-SKEW, False),
        (-SKEW - TICK, False),
    ],
    ids=str,
)
def test_half_a_minute_off_the_clouds_clock_is_distrusted(
    offset: timedelta, *, trusted: bool
) -> None:
    assert (distrust(facts(offset)) is None) == trusted


def test_a_disagreement_names_both_times_and_how_to_mend_it() -> None:
    found = distrust(facts(timedelta(minutes=-2)))

    assert found is not None
    assert (found.code, found.kind, found.until) == (Code.CLOCK_SKEW, Kind.PERSON, None)
    assert found.sentence == (
        "this machine's clock says 2026-11-23T22:30:00Z, the cloud's 2026-11-23T22:32:00Z: it is "
        "2 m behind the cloud's, so no window can be trusted; set this machine's clock "
        "(`timedatectl set-ntp true`, or `chronyc makestep` with chrony)"
    )


def test_a_disagreement_that_breaks_signatures_says_all_of_it() -> None:
    found = distrust(facts(timedelta(minutes=11)))

    assert found is not None
    assert found.sentence == (
        "this machine's clock says 2026-11-23T22:30:00Z, the cloud's 2026-11-23T22:19:00Z: it is "
        "11 m ahead of the cloud's, so no window can be trusted; set this machine's clock "
        "(`timedatectl set-ntp true`, or `chronyc makestep` with chrony); "
        "beyond 15 minutes the cloud refuses every signature"
    )


@pytest.mark.parametrize("side", [1, -1], ids=["ahead", "behind"])
def test_a_disagreement_beyond_ten_minutes_says_that_signing_fails(side: int) -> None:
    said = [distrust(facts(side * span)) for span in (SIGNING_FAILS, SIGNING_FAILS + TICK)]

    assert ["refuses every signature" in (one.sentence if one else "") for one in said] == [
        False,
        True,
    ]
    assert ("ahead of" if side > 0 else "behind") in (said[0].sentence if said[0] else "")


@pytest.mark.parametrize(
    ("seen", "trusted"),
    [(STEP_BACK - TICK, True), (STEP_BACK, True), (STEP_BACK + TICK, False)],
    ids=["just before", "at", "just after"],
)
def test_a_clock_that_was_set_back_is_distrusted_until_the_time_seen_has_passed(
    seen: timedelta, *, trusted: bool
) -> None:
    found = distrust(facts(None, seen, undated=True))

    assert (found is None) == trusted


def test_a_clock_set_back_says_what_has_been_seen() -> None:
    found = distrust(facts(None, timedelta(hours=2)))

    assert found is not None
    assert (found.code, found.kind) == (Code.CLOCK_SKEW, Kind.PERSON)
    assert "2026-11-24T00:30:00Z has been seen already" in found.sentence


def test_the_clouds_clock_outweighs_the_latest_time_seen() -> None:
    assert distrust(facts(SKEW - TICK, timedelta(hours=2))) is None


def test_nothing_goes_before_the_clouds_first_answer() -> None:
    assert distrust(facts(None)) is UNWITNESSED
    assert UNWITNESSED.kind is Kind.WAIT


def test_a_cloud_that_tells_no_time_leaves_the_latest_time_seen() -> None:
    assert distrust(facts(None, undated=True)) is None
