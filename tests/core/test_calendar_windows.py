"""Windows and freezes that do not hold together are refused as a whole."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from core.calendar_words import freeze, window
from offpeakd.core.selectors import GrammarError, LocalTime
from offpeakd.core.windows import Freeze, Window

TEN, ELEVEN = LocalTime(600), LocalTime(660)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(
            lambda: window("22:00-24:00", cutoff="3h"),
            "cutoff (3h) leaves no time in a 2h window. Make the cutoff shorter or the window longer",
            id="cutoff-longer",
        ),
        pytest.param(
            lambda: window("22:00-00:00", cutoff="2h"),
            "cutoff (2h) leaves no time in a 2h window. Make the cutoff shorter or the window longer",
            id="cutoff-as-long",
        ),
        pytest.param(
            lambda: window("22:00 for 90m", cutoff="90m"),
            "cutoff (1h30m) leaves no time in a 1h30m window. "
            "Make the cutoff shorter or the window longer",
            id="cutoff-as-long-as-for",
        ),
        pytest.param(
            lambda: Window("w", "UTC", start=TEN, end=ELEVEN, cutoff=-HOUR),
            "negative cutoff. Write a duration such as 45m",
            id="negative-cutoff",
        ),
        pytest.param(
            lambda: window("00:00-00:00"),
            "empty window: from and to are both 00:00. For a whole day write from 00:00 to 24:00",
            id="B5",
        ),
        pytest.param(
            lambda: Window("w", "UTC"),
            'no time to open. Add from: "22:00" with to or for; always: true never closes',
            id="nothing",
        ),
        pytest.param(
            lambda: Window("w", "UTC", start=TEN),
            "neither to nor for is given. Give exactly one of to and for",
            id="no-end",
        ),
        pytest.param(
            lambda: Window("w", "UTC", start=TEN, end=ELEVEN, length=HOUR),
            "both to and for is given. Give exactly one of to and for",
            id="two-ends",
        ),
        pytest.param(
            lambda: Window("w", "UTC", start=LocalTime(1440), end=TEN),
            "24:00 can only end a window. Write 00:00 and the day after",
            id="start-at-24",
        ),
        pytest.param(
            lambda: window("10:00 for 0s"),
            "a window can't be open for 0s. "
            "Write more than 0s and at most 31d; always: true never closes",
            id="no-length",
        ),
        pytest.param(
            lambda: window("10:00 for 32d"),
            "a window can't be open for 32d. "
            "Write more than 0s and at most 31d; always: true never closes",
            id="too-long",
        ),
        pytest.param(
            lambda: window("10:00-11:00", offset=32),
            "offset of 32 days. Write 0d to 31d",
            id="offset",
        ),
        pytest.param(
            lambda: Window("w", "UTC", always=True, start=TEN),
            "always stands beside days or times. Keep either always: true or the days and times",
            id="always-with-a-time",
        ),
        pytest.param(
            lambda: Window("w", "UTC", always=True, month_days=(1,)),
            "always stands beside days or times. Keep either always: true or the days and times",
            id="always-with-days",
        ),
        pytest.param(
            lambda: Freeze("f", "", "UTC"),
            "a freeze has exactly one form. "
            "Give from with to, or yearly, or month_days, and only one of them",
            id="freeze-of-nothing",
        ),
        pytest.param(
            lambda: freeze("2026-01-01..2026-01-02", yearly="12-24"),
            "a freeze has exactly one form. "
            "Give from with to, or yearly, or month_days, and only one of them",
            id="freeze-of-two-forms",
        ),
        pytest.param(
            lambda: freeze("2026-01-01.."), "to is missing. Give both from and to", id="no-to"
        ),
        pytest.param(
            lambda: freeze("..2026-01-01"), "from is missing. Give both from and to", id="no-from"
        ),
        pytest.param(
            lambda: freeze("2026-01-02..2026-01-01"),
            "the freeze ends at 2026-01-01, before or as it starts. Swap from and to",
            id="backwards",
        ),
        pytest.param(
            lambda: freeze("2026-01-02T08:00..2026-01-02T08:00"),
            "the freeze ends at 2026-01-02 08:00:00, before or as it starts. Swap from and to",
            id="empty",
        ),
    ],
)
def test_it_is_refused_with_a_way_out(make: Callable[[], object], message: str) -> None:
    with pytest.raises(GrammarError) as caught:
        make()

    assert str(caught.value) == message


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: freeze("2026-01-01..2026-01-01"), id="one-day"),
        pytest.param(lambda: freeze("2026-01-01T08:00..2026-01-01"), id="rest-of-a-day"),
        pytest.param(lambda: freeze("2026-01-01..2026-01-01T08:00"), id="morning"),
        pytest.param(
            lambda: Freeze(
                "f",
                "",
                "UTC",
                start=datetime(2026, 1, 1, tzinfo=UTC),
                end=date(2026, 1, 1),
            ),
            id="instant-to-day",
        ),
        pytest.param(lambda: Window("w", "UTC", always=True, cutoff=HOUR), id="always-with-cutoff"),
        pytest.param(lambda: window("22:00-00:00", cutoff="119m"), id="cutoff-just-shorter"),
        pytest.param(lambda: window("10:00 for 31d"), id="longest"),
        pytest.param(lambda: window("10:00-11:00", offset=31), id="farthest-offset"),
    ],
)
def test_it_is_accepted(make: Callable[[], object]) -> None:
    assert make() == make()


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (window("22:00-05:00"), timedelta(hours=7)),
        (window("00:00-24:00"), timedelta(hours=24)),
        (window("22:00-22:01"), timedelta(minutes=1)),
        (window("22:01-22:00"), timedelta(hours=23, minutes=59)),
        (window("22:00 for 90s"), timedelta(seconds=90)),
        (Window("w", "UTC", always=True), None),
    ],
)
def test_a_window_has_a_nominal_length(made: Window, expected: timedelta | None) -> None:
    assert made.nominal_length == expected
