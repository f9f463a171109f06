"""What is kept of looks: readable, bounded, and safe when it can't be read."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.builders import NIGHT
from offpeakd.core.evidence import Finding, Kind
from offpeakd.core.tally import KEPT, Tally


def test_looks_that_say_the_same_are_one_line() -> None:
    tally = Tally()
    for minute in range(30):
        tally = tally.noting(NIGHT + timedelta(minutes=minute), Finding(Kind.NEGATIVE, "no trace"))

    [said] = tally.said
    assert (said.first, said.last, said.times) == (NIGHT, NIGHT + timedelta(minutes=29), 30)


def test_what_is_kept_stays_small_however_long_it_lasts() -> None:
    tally = Tally()
    for number in range(500):
        tally = tally.noting(NIGHT, Finding(Kind.INCONCLUSIVE, f"{number} " + "x" * 10_000))

    assert tally.inconclusive == 500
    assert len(tally.said) == KEPT
    assert tally.said[-1].sentence.startswith("499 ")
    assert len(tally.text()) < 4_000


@given(
    negative=st.integers(0, 9),
    changed=st.integers(0, 9),
    counted=st.none() | st.just(NIGHT),
    since=st.none() | st.just(NIGHT + timedelta(microseconds=1)),
    kinds=st.lists(st.sampled_from(Kind), max_size=12),
)
def test_what_is_stored_is_read_back(
    negative: int, changed: int, counted: object, since: object, kinds: list[Kind]
) -> None:
    tally = Tally(negative, changed, counted_at=counted, since=since)  # type: ignore[arg-type]  # instants or None
    for kind in kinds:
        tally = tally.noting(NIGHT, Finding(kind, "é\n"))

    assert Tally.read(tally.text()) == tally


@pytest.mark.parametrize(
    "text",
    [None, "", "{", "[]", "null", "{}", '{"negative": 3}', json.dumps({"negative": "x"})],
)
def test_what_can_not_be_read_counts_nothing(text: str | None) -> None:
    assert Tally.read(text) == Tally()


def test_only_what_a_tally_holds_is_written() -> None:
    with pytest.raises(TypeError, match="set has no place"):
        Tally(negative={1}).text()  # type: ignore[arg-type]  # the mistake under test
