"""What the page on windows says is so."""

import re
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from core.calendar_words import DAY, HOUR, calendar, edge, freeze, spans, utc, window
from offpeakd.core.calendar import Calendar

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "usage" / "windows.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[tuple[str, ...]]:
    """The rows of the table whose first line is this."""
    lines = PAGE[PAGE.index(heading) :].splitlines()[2:]
    table = takewhile(lambda line: line.startswith("|"), lines)
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in table]


@pytest.mark.parametrize(
    ("zone", "times", "day", "opens", "minutes"), rows("| zone | window | day | open (UTC)")
)
def test_the_table_of_clock_changes_is_true(
    zone: str, times: str, day: str, opens: str, minutes: str
) -> None:
    plan = calendar(window(times, zone=zone, dates=day))
    midnight = utc(f"{day} 00:00")

    found = list(plan.openings(midnight - DAY, midnight + 2 * DAY))

    texts = [" - ".join(text.split()[1] for text in span.split(" - ")) for span in spans(found)]
    assert (texts or ["does not open"]) == [opens]
    assert sum(opening.minutes or 0 for opening in found) == int(minutes)


def example() -> Calendar:
    """The page's first example, by the words it is written in."""
    text = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert text is not None
    written: dict[str, Any] = YAML(typ="safe").load(text.group(1))
    zone = written["timezone"]
    parts = [
        window(
            f"{keys['from']}-{keys['to']}" if "to" in keys else f"{keys['from']} for {keys['for']}",
            name=name,
            zone=keys.get("timezone", zone),
            days=" ".join(keys.get("days", [])),
            months=" ".join(keys.get("months", [])),
            dates=" ".join(str(item) for item in keys.get("dates", [])),
            offset=int(keys.get("offset", "0d")[:-1]),
            cutoff=keys.get("cutoff", "0s"),
        )
        for name, keys in written["windows"].items()
    ]
    cuts = [
        freeze(
            "..".join(str(keys[key]).replace(" ", "T") for key in ("from", "to") if key in keys),
            name=keys["name"],
            zone=zone,
            yearly=str(keys.get("yearly", "")),
            month_days=tuple(keys.get("month_days", [])),
        )
        for keys in written["freezes"]
    ]
    return calendar(*parts, *cuts)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        pytest.param(
            "2026-06-03 12:00",
            "2026-06-05 12:00",
            ["06-03 21:00 - 06-04 03:00", "06-04 21:00 - 06-05 03:00"],
            id="weeknights",
        ),
        pytest.param(
            "2026-06-13 00:00",
            "2026-06-15 00:00",
            ["06-13 16:30 - 06-13 20:30"],
            id="the-day-after-the-second-saturday",
        ),
        pytest.param("2026-12-20 00:00", "2027-01-04 00:00", [], id="year-end-beats-once"),
        pytest.param("2026-11-01 00:00", "2026-11-12 23:00", [], id="double-eleven"),
        pytest.param(
            "2026-06-29 12:00", "2026-07-02 12:00",
            ["06-29 21:00 - 06-29 22:00", "07-01 22:00 - 07-02 03:00"],
            id="month-end-cuts-a-night",
        ),
    ],
)  # fmt: skip
def test_the_example_opens_when_it_says(since: str, until: str, expected: list[str]) -> None:
    assert spans(list(example().openings(utc(since), utc(until)))) == expected


def test_a_cut_night_of_the_example_has_its_cutoff_before_the_freeze() -> None:
    standing = example().at(utc("2026-06-29 21:00"))

    assert standing.opening is not None
    assert edge(standing.opening.last_release) == "06-29 21:15"
    assert example().at(utc("2026-06-29 22:00")).verdict == "frozen"


def test_every_case_has_a_place() -> None:
    cases = (DOCS / "development" / "calendar-cases.md").read_text(encoding="utf-8")
    named = set()
    for letter, first, last in re.findall(r"\b([ABCE])(\d+)(?: to [ABCE](\d+))?", cases):
        named |= {f"{letter}{number}" for number in range(int(first), int(last or first) + 1)}

    for letter, count in (("A", 26), ("B", 13), ("C", 14), ("E", 10)):
        assert {f"{letter}{number}" for number in range(1, count + 1)} <= named


def test_every_file_named_for_a_case_is_there() -> None:
    cases = (DOCS / "development" / "calendar-cases.md").read_text(encoding="utf-8")

    for path in re.findall(r"`(tests/[\w/.]+\.py)`", cases):
        assert (DOCS.parent / path).exists(), path


def test_a_night_belongs_to_the_day_on_which_it_opens() -> None:
    plan = calendar(window("22:00-02:00", days="mon-thu", zone="UTC"))

    assert plan.at(utc("2026-06-05 00:00") + HOUR).verdict == "open"
    assert plan.at(utc("2026-06-01 00:00") + HOUR).verdict == "window-closed"
