"""What is kept of looks: readable, bounded, and safe when it can't be read."""

import json
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.builders import NIGHT
from offpeakd.core.evidence import Finding, Kind
from offpeakd.core.tally import KEPT, Tally

NEGATIVE = Finding(Kind.NEGATIVE, "no trace")
SILENCE = Finding(Kind.UNANSWERED, "no route")
TICK = timedelta(microseconds=1)


def test_looks_that_say_the_same_are_one_line() -> None:
    tally = Tally()
    for minute in range(30):
        tally = tally.noting(
            NIGHT + timedelta(minutes=minute), Finding(Kind.NEGATIVE, "no trace"), NIGHT
        )

    [said] = tally.said
    assert (said.first, said.last, said.times) == (NIGHT, NIGHT + timedelta(minutes=29), 30)


def test_what_was_said_before_stays_when_the_last_is_said_again() -> None:
    tally = Tally()
    for minute, finding in enumerate([NEGATIVE, SILENCE, NEGATIVE, NEGATIVE]):
        tally = tally.noting(NIGHT + timedelta(minutes=minute), finding, NIGHT)

    assert [(said.sentence, said.times) for said in tally.said] == [
        ("no trace", 1),
        ("no route", 1),
        ("no trace", 2),
    ]


def test_what_the_cloud_says_in_chinese_is_stored_as_it_reads() -> None:
    assert (
        "实例不存在"
        in Tally().noting(NIGHT, Finding(Kind.INCONCLUSIVE, "实例不存在"), NIGHT).text()
    )


def test_what_is_kept_stays_small_however_long_it_lasts() -> None:
    tally = Tally()
    for number in range(500):
        long = Finding(Kind.INCONCLUSIVE, f"{number} " + "x" * 10_000)
        tally = tally.noting(NIGHT, long, NIGHT)

    assert tally.inconclusive == 500
    assert len(tally.said) == KEPT
    assert tally.said[-1].sentence.startswith("499 ")
    assert len(tally.text()) < 4_000


@pytest.mark.parametrize(
    ("findings", "minutes"),
    [
        ([NEGATIVE, NEGATIVE, NEGATIVE], 0),
        ([NEGATIVE, NEGATIVE, SILENCE], 0),
        ([NEGATIVE, SILENCE, NEGATIVE], 2),
        ([NEGATIVE, SILENCE, SILENCE, SILENCE, NEGATIVE], 4),
        ([NEGATIVE, SILENCE, NEGATIVE, SILENCE, NEGATIVE, NEGATIVE], 4),
        ([SILENCE, NEGATIVE, NEGATIVE], 2),
        ([SILENCE, SILENCE, NEGATIVE, NEGATIVE, SILENCE], 3),
        ([SILENCE], 0),
    ],
    ids=["none", "lasts", "between", "long", "twice", "begins", "begins, lasts", "the first look"],
)
def test_an_outage_lasts_from_the_last_answer_before_it_to_the_first_after_it(
    findings: list[Finding], minutes: int
) -> None:
    tally = Tally()
    for minute, finding in enumerate(findings, 1):
        tally = tally.noting(NIGHT + timedelta(minutes=minute), finding, NIGHT)

    assert tally.silent == timedelta(minutes=minutes)


@given(
    wrong=st.lists(st.timedeltas(timedelta(days=-400), timedelta(days=400)), max_size=20),
    before=st.booleans(),
)
def test_no_clock_that_has_heard_nothing_makes_an_outage_longer_or_shorter(
    wrong: list[timedelta], *, before: bool
) -> None:
    """Two daemons with different clocks, looking in turn, would add up their difference."""
    tally = Tally().noting(NIGHT, NEGATIVE, NIGHT) if before else Tally()
    for step in wrong:
        tally = tally.noting(NIGHT + step, SILENCE, NIGHT)
    tally = tally.noting(NIGHT + timedelta(hours=3), NEGATIVE, NIGHT)

    assert tally.silent == (timedelta(hours=3) if wrong else timedelta(0))


def test_a_clock_that_steps_back_shortens_no_outage() -> None:
    tally = Tally(silent=timedelta(minutes=5), heard=NIGHT).noting(NIGHT, SILENCE, NIGHT)
    since = NIGHT - timedelta(days=1)

    assert tally.noting(NIGHT - TICK, NEGATIVE, since).silent == timedelta(minutes=5)


def test_the_cloud_was_silent_for_no_longer_than_it_was_asked() -> None:
    asked = timedelta(minutes=10)
    said = [
        Tally(silent=asked + over).noting(NIGHT + asked, NEGATIVE, NIGHT).silent
        for over in (-TICK, timedelta(0), TICK, timedelta(days=1))
    ]

    assert said == [asked - TICK, asked, asked, asked]


@pytest.mark.parametrize("finding", [NEGATIVE, SILENCE], ids=["answers", "is silent"])
def test_patience_does_not_begin_in_the_future_of_the_cloud(finding: Finding) -> None:
    said = [
        Tally(silent=timedelta(minutes=5)).noting(NIGHT, finding, NIGHT + ahead)
        for ahead in (-TICK, timedelta(0), TICK, timedelta(days=1))
    ]

    if finding is SILENCE:
        assert [one.since for one in said] == [None] * 4
    else:
        assert [one.since for one in said] == [None, None, NIGHT, NIGHT]
        assert [one.silent for one in said] == [TICK, *[timedelta(0)] * 3]


def test_only_an_answer_is_heard() -> None:
    heard = Tally().noting(NIGHT, NEGATIVE, NIGHT)

    assert heard.heard == NIGHT
    assert heard.noting(NIGHT + TICK, SILENCE, NIGHT).heard == NIGHT


def test_a_tally_of_an_earlier_version_is_read() -> None:
    stored = json.loads(Tally(negative=2).text())
    del stored["silent"], stored["heard"]

    assert Tally.read(json.dumps(stored)) == Tally(negative=2)


@given(
    negative=st.integers(0, 9),
    changed=st.integers(0, 9),
    counted=st.none() | st.just(NIGHT),
    since=st.none() | st.just(NIGHT + timedelta(microseconds=1)),
    heard=st.none() | st.just(NIGHT - timedelta(days=1)),
    silent=st.timedeltas(timedelta(0), timedelta(days=400)),
    kinds=st.lists(st.sampled_from(Kind), max_size=12),
)
def test_what_is_stored_is_read_back(
    negative: int,
    changed: int,
    counted: datetime | None,
    since: datetime | None,
    heard: datetime | None,
    silent: timedelta,
    kinds: list[Kind],
) -> None:
    tally = Tally(
        negative,
        changed,
        counted_at=counted,
        since=since,
        heard=heard,
        silent=silent,
    )
    for kind in kinds:
        tally = tally.noting(NIGHT, Finding(kind, "é\n"), NIGHT)

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
