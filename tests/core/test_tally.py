"""What is kept of looks: readable, bounded, and safe when it can't be read."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.builders import NIGHT
from offpeakd.core.evidence import Finding, Kind
from offpeakd.core.tally import KEPT, Tally

NEGATIVE = Finding(Kind.NEGATIVE, "no trace")
SILENCE = Finding(Kind.UNANSWERED, "no route")


def test_looks_that_say_the_same_are_one_line() -> None:
    tally = Tally()
    for minute in range(30):
        tally = tally.noting(NIGHT + timedelta(minutes=minute), Finding(Kind.NEGATIVE, "no trace"))

    [said] = tally.said
    assert (said.first, said.last, said.times) == (NIGHT, NIGHT + timedelta(minutes=29), 30)


def test_what_was_said_before_stays_when_the_last_is_said_again() -> None:
    tally = Tally()
    for minute, finding in enumerate([NEGATIVE, SILENCE, NEGATIVE, NEGATIVE]):
        tally = tally.noting(NIGHT + timedelta(minutes=minute), finding)

    assert [(said.sentence, said.times) for said in tally.said] == [
        ("no trace", 1),
        ("no route", 1),
        ("no trace", 2),
    ]


def test_what_the_cloud_says_in_chinese_is_stored_as_it_reads() -> None:
    assert "实例不存在" in Tally().noting(NIGHT, Finding(Kind.INCONCLUSIVE, "实例不存在")).text()


def test_what_is_kept_stays_small_however_long_it_lasts() -> None:
    tally = Tally()
    for number in range(500):
        tally = tally.noting(NIGHT, Finding(Kind.INCONCLUSIVE, f"{number} " + "x" * 10_000))

    assert tally.inconclusive == 500
    assert len(tally.said) == KEPT
    assert tally.said[-1].sentence.startswith("499 ")
    assert len(tally.text()) < 4_000


@pytest.mark.parametrize(
    ("findings", "minutes"),
    [
        ([NEGATIVE, NEGATIVE, NEGATIVE], 0),
        ([NEGATIVE, NEGATIVE, SILENCE], 1),
        ([NEGATIVE, SILENCE, NEGATIVE], 2),
        ([SILENCE, NEGATIVE, NEGATIVE], 1),
        ([SILENCE, SILENCE, SILENCE, NEGATIVE, NEGATIVE, SILENCE], 4),
        ([SILENCE], 0),
    ],
    ids=["none", "begins", "between", "ends", "twice", "the first look"],
)
def test_an_outage_lasts_from_the_last_answer_before_it_to_the_first_after_it(
    findings: list[Finding], minutes: int
) -> None:
    tally = Tally()
    for minute, finding in enumerate(findings):
        tally = tally.noting(NIGHT + timedelta(minutes=minute), finding)

    assert tally.silent == timedelta(minutes=minutes)


def test_a_clock_that_steps_back_shortens_no_outage() -> None:
    tally = Tally(silent=timedelta(minutes=5)).noting(NIGHT, SILENCE)

    assert tally.noting(NIGHT - timedelta(hours=1), SILENCE).silent == timedelta(minutes=5)


def test_a_tally_of_an_earlier_version_is_read() -> None:
    stored = json.loads(Tally(negative=2).text())
    del stored["silent"]

    assert Tally.read(json.dumps(stored)) == Tally(negative=2)


@given(
    negative=st.integers(0, 9),
    changed=st.integers(0, 9),
    counted=st.none() | st.just(NIGHT),
    since=st.none() | st.just(NIGHT + timedelta(microseconds=1)),
    silent=st.timedeltas(timedelta(0), timedelta(days=400)),
    kinds=st.lists(st.sampled_from(Kind), max_size=12),
)
def test_what_is_stored_is_read_back(
    negative: int,
    changed: int,
    counted: object,
    since: object,
    silent: timedelta,
    kinds: list[Kind],
) -> None:
    tally = Tally(negative, changed, counted_at=counted, since=since, silent=silent)  # type: ignore[arg-type]  # instants or None
    for kind in kinds:
        tally = tally.noting(NIGHT, Finding(kind, "é\n"))

    assert Tally.read(tally.text()) == tally


ENDLESS = Tally().text().replace('"silent": 0.0', '"silent": 1e300')


@pytest.mark.parametrize(
    "text",
    [None, "", "{", "[]", "null", "{}", '{"negative": 3}', json.dumps({"negative": "x"}), ENDLESS],
)
def test_what_can_not_be_read_counts_nothing(text: str | None) -> None:
    assert Tally.read(text) == Tally()


def test_only_what_a_tally_holds_is_written() -> None:
    with pytest.raises(TypeError, match="set has no place"):
        Tally(negative={1}).text()  # type: ignore[arg-type]  # the mistake under test
