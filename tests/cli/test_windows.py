"""Openings to come, and whether an instant lies in one."""

import json

import pytest

from cli.conftest import Command


@pytest.mark.parametrize(
    ("when", "verdict", "code"),
    [
        ("2026-11-24T21:59:59Z", "window-closed", 3),
        ("2026-11-24T22:00:00Z", "open", 0),
        ("2026-11-25T03:14:49Z", "open", 0),
        ("2026-11-25T03:14:50Z", "past-cutoff", 3),
        ("2026-11-25T04:00:00Z", "window-closed", 3),
    ],
    ids=["before", "start", "last", "cutoff less guard", "end"],
)
def test_check_agrees_with_what_a_release_would_be_told(
    offpeakd: Command, when: str, verdict: str, code: int
) -> None:
    ended = offpeakd("windows", "check", when, "-o", "json")
    record = json.loads(ended.out)

    assert (record["verdict"], record["open"], ended.code) == (verdict, code == 0, code)
    assert list(record) == ["open", "opening", "next", "verdict"]


def test_check_shows_both_clocks(offpeakd: Command) -> None:
    ended = offpeakd("windows", "check", "tue 23:30")

    assert ended.out == (
        "Tue 23:30 CET (22:30Z), in 6 h 42 m: open\n"
        "  window        weeknights\n"
        "  opens         Tue 23:00 CET (22:00Z), in 6 h 12 m\n"
        "  last release  Wed 04:15 CET (03:15Z), in 11 h 27 m\n"
        "  closes        Wed 05:00 CET (04:00Z), in 12 h 12 m\n"
        "  next opening  Wed 23:00 CET (22:00Z), in 1 d 6 h\n"
    )


def test_next_lists_openings_with_their_documented_keys(offpeakd: Command) -> None:
    found = json.loads(offpeakd("windows", "next", "--count", "2", "-o", "json").out)

    assert found == [
        {
            "windows": ["weeknights"],
            "start": "2026-11-24T22:00:00Z",
            "end": "2026-11-25T04:00:00Z",
            "last_release": "2026-11-25T03:15:00Z",
            "minutes": 360,
            "notes": [],
        },
        {
            "windows": ["weeknights"],
            "start": "2026-11-25T22:00:00Z",
            "end": "2026-11-26T04:00:00Z",
            "last_release": "2026-11-26T03:15:00Z",
            "minutes": 360,
            "notes": [],
        },
    ]


def test_next_gives_five_unless_an_end_is_named(offpeakd: Command) -> None:
    span = ("--from", "2026-12-01T00:00Z", "--until", "2026-12-15T00:00Z")

    assert len(offpeakd("windows", "next", "-o", "jsonl").out.splitlines()) == 5
    assert len(offpeakd("windows", "next", "-o", "jsonl", *span).out.splitlines()) == 9
    assert len(offpeakd("windows", "next").out.splitlines()) == 6


def test_an_end_before_the_beginning_is_refused(offpeakd: Command) -> None:
    ended = offpeakd("windows", "next", "--until", "2026-11-24T15:48Z")

    assert (ended.code, ended.err) == (
        2,
        (
            "offpeakd: --until does not lie after --from\n"
            "  Give a later --until, or an earlier --from.\n"
        ),
    )


def test_the_overview_shows_how_each_group_stands(offpeakd: Command) -> None:
    assert offpeakd("windows").out == (
        "GROUP    WINDOW      NOW\n"
        "default  weeknights  closed; next opening Tue 23:00 CET (22:00Z), in 6 h 12 m\n"
    )
    (record,) = json.loads(offpeakd("windows", "-o", "json").out)
    assert (record["group"], record["verdict"]) == ("default", "window-closed")
