"""Durations as people write them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offpeakd.core.durations import format_duration, parse_duration
from offpeakd.core.selectors import GrammarError

EXAMPLES = "Write a number and a unit, such as 500ms, 90s, 45m, 4h, 3d or 1h30m"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0s", timedelta()),
        ("500ms", timedelta(milliseconds=500)),
        ("90s", timedelta(seconds=90)),
        ("45m", timedelta(minutes=45)),
        ("4h", timedelta(hours=4)),
        ("3d", timedelta(days=3)),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("1d2h3m4s5ms", timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=5)),
        ("36500d", timedelta(days=36500)),
    ],
)
def test_numbers_with_units_are_durations(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-5m", "negative duration '-5m'. Write it without the sign"),
        ("90", "duration '90' has no unit. Add a unit: 90s, 90m"),
        ("", f"expected a duration, got ''. {EXAMPLES}"),
        ("soon", f"expected a duration, got 'soon'. {EXAMPLES}"),
        ("1.5h", f"expected a duration, got '1.5h'. {EXAMPLES}"),
        ("30m1h", f"expected a duration, got '30m1h'. {EXAMPLES}"),
        ("1h1h", f"expected a duration, got '1h1h'. {EXAMPLES}"),
        ("PT4H", f"expected a duration, got 'PT4H'. {EXAMPLES}"),
        ("٣h", f"expected a duration, got '٣h'. {EXAMPLES}"),
        ("4 h", "expected a duration, got '4 h'. Write 4h"),
        ("4H", "expected a duration, got '4H'. Write 4h"),
        ("36501d", "duration '36501d' is too long. Write at most 36500d"),
        ("999999999999d", "duration '999999999999d' is too long. Write at most 36500d"),
    ],
)
def test_anything_else_is_refused_with_a_way_out(text: str, message: str) -> None:
    with pytest.raises(GrammarError) as caught:
        parse_duration(text)

    assert str(caught.value) == message


def test_a_long_text_is_cut_in_the_message() -> None:
    with pytest.raises(GrammarError) as caught:
        parse_duration("x" * 5000)

    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(hours=36), "1d12h"),
        (timedelta(milliseconds=1500), "1s500ms"),
        (timedelta(minutes=-5), "-5m"),
        (timedelta(microseconds=999), "0s"),
    ],
)
def test_durations_are_written_with_their_largest_units(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


@given(st.integers(0, 36_500 * 86_400_000))
def test_what_is_written_reads_the_same(milliseconds: int) -> None:
    duration = timedelta(milliseconds=milliseconds)

    assert parse_duration(format_duration(duration)) == duration
