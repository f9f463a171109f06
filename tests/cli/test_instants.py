"""Instants as people write them."""

from datetime import UTC, datetime

import pytest

from offpeakd.cli.instants import parse_when
from offpeakd.core.errors import UsageError

NOW = datetime(2026, 11, 24, 15, 48, tzinfo=UTC)
ZONE = "Europe/Amsterdam"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-11-24T15:48:00"),
        ("2h", "2026-11-24T17:48:00"),
        ("+90m", "2026-11-24T17:18:00"),
        ("in 1d 2h", "2026-11-25T17:48:00"),
        ("2026-12-01T22:00Z", "2026-12-01T22:00:00"),
        ("2026-12-01 22:00:30+08:00", "2026-12-01T14:00:30"),
        ("today 09:00", "2026-11-24T08:00:00"),
        ("Tomorrow 22:00", "2026-11-25T21:00:00"),
        ("tue 16:48", "2026-12-01T15:48:00"),
        ("tue 16:49", "2026-11-24T15:49:00"),
        ("mon 0:00", "2026-11-29T23:00:00"),
    ],
)
def test_an_instant_is_read(text: str, expected: str) -> None:
    assert parse_when(text, NOW, ZONE) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("soon", "'soon' is no instant. Write it as 2026-12-01T22:00+01:00"),
        (
            "2026-07-01T22:00",
            (
                "'2026-07-01T22:00' has no offset, so it could mean any zone's time. "
                "Add an offset or Z: 2026-07-01T22:00+02:00 is that time in Europe/Amsterdam."
            ),
        ),
        ("tomorrow 25:00", "no clock shows 25:00. Write 00:00 to 23:59."),
        ("2 fortnights", "'2 fortnights': "),
        ("0001-01-01T00:00+14:00", "lies beyond the years that are known"),
        ("9999999d", "is too long. Write at most 36500d"),
    ],
)
def test_what_is_no_instant_is_refused_with_a_way_out(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_when(text, NOW, ZONE)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("2026-03-28T12:00", "clocks in Europe/Amsterdam go forward over 02:30 on 2026-03-29"),
        ("2026-10-24T12:00", "clocks in Europe/Amsterdam show 02:30 twice on 2026-10-25"),
    ],
    ids=["skipped", "twice"],
)
def test_a_time_that_the_clock_skips_or_repeats_is_asked_for_again(now: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_when("tomorrow 02:30", datetime.fromisoformat(now).replace(tzinfo=UTC), ZONE)
