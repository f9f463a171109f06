"""What is suggested for a zone's name that is refused."""

import re
import sys
import zoneinfo
from collections.abc import Iterator
from datetime import UTC
from zoneinfo import available_timezones

import pytest

from offpeakd.core.grammar import GrammarError
from offpeakd.core.zone_names import forget_zones, parse_zone, zone_of_name

NOTHING_MEANT = "Write an IANA name such as Europe/Berlin, Asia/Shanghai or UTC"


def fix(text: str) -> str:
    with pytest.raises(GrammarError) as refused:
        parse_zone(text)
    return refused.value.fix


def suggested(text: str) -> list[str]:
    """The names that a refusal suggests; none for a name that isn't refused."""
    try:
        parse_zone(text)
    except GrammarError as refused:
        meant = re.fullmatch(r"Did you mean (.+)\? \(IANA name\)", refused.fix)
        return re.split(r", | or ", meant.group(1)) if meant is not None else []
    return []


def test_whatever_is_suggested_is_accepted_and_suggested_once() -> None:
    known = available_timezones()
    misspelt = {name[:-1] for name in known if name.startswith("Etc/")}

    for text in (*known, *misspelt):
        names = suggested(text)
        assert [parse_zone(name) for name in names] == list(dict.fromkeys(names)), text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("UTC+05:30", "Asia/Kolkata"),
        ("+0530", "Asia/Kolkata"),
        ("GMT-3", "America/Sao_Paulo"),
        ("Etc/GMT+0", "UTC or Europe/London"),
        ("Salta", "America/Argentina/Salta"),
        ("europe/Viena", "Europe/Vienna"),
    ],
)
def test_a_region_is_suggested_for_an_offset_a_city_and_a_slip_of_the_pen(
    text: str, meant: str
) -> None:
    assert fix(text) == f"Did you mean {meant}? (IANA name)"


@pytest.mark.parametrize("text", ["Asia/Peking", "Etc/Universa", "UTC+05:31", "Cuba"])
def test_nothing_is_suggested_that_is_only_somewhat_alike(text: str) -> None:
    assert fix(text) == NOTHING_MEANT


@pytest.fixture
def _no_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as without:
        loaded = [name for name in sys.modules if name.partition(".")[0] == "tzdata"]
        for name in {"tzdata", *loaded}:
            without.setitem(sys.modules, name, None)
        zoneinfo.reset_tzpath(to=[])
        forget_zones()
        yield
    zoneinfo.reset_tzpath()
    forget_zones()


@pytest.mark.usefixtures("_no_database")
def test_without_a_database_a_region_is_refused_with_the_way_to_one() -> None:
    with pytest.raises(GrammarError) as refused:
        parse_zone("Asia/Tokyo")

    assert str(refused.value) == (
        "no time zone database on this machine, so 'Asia/Tokyo' can't be looked up. "
        "Install the Python package tzdata, or the operating system's"
    )


@pytest.mark.usefixtures("_no_database")
def test_utc_needs_no_database() -> None:
    assert parse_zone("UTC") == "UTC"
    assert zone_of_name("UTC") is UTC
