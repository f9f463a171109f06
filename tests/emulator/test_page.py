"""docs/usage/emulator.md tells the truth."""

import re
from pathlib import Path
from typing import Any, Final

import pytest

from fakes.emulated_calls import Caller
from fakes.set_clock import SetClock
from offpeakd.cli.emulate import emulate
from offpeakd.emulator import Emulator, EmulatorSettings, Mix
from offpeakd.emulator.effects import FAULTS
from offpeakd.emulator.fault_file import read_faults

PAGE: Final = Path(__file__).parents[2] / "docs/usage/emulator.md"
TEXT: Final = PAGE.read_text()


def rows(heading: str) -> list[list[str]]:
    """Cells of the first table whose first column has this heading."""
    table = re.search(rf"^\| {heading} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in table[1].splitlines()]


def test_every_fault_stands_on_the_page_with_its_meaning() -> None:
    shown = {name.strip("`"): (summary, needs) for name, summary, needs in rows("`do`")}

    assert shown == {
        name: (fault.summary, ", ".join(f"`{need.value}`" for need in fault.needs))
        for name, fault in FAULTS.items()
    }


def test_every_key_of_a_rule_stands_on_the_page(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("faults: [{do: reset, nonsense: 1}]\n")
    with pytest.raises(Exception, match="Known keys") as caught:
        read_faults(file)
    known = set(re.findall(r"\w+", str(caught.value).partition("Known keys: ")[2]))

    shown = {key for cell, _ in rows("key") for key in re.findall(r"`(\w+)`", cell)}

    assert shown == known - {"do"}


def test_the_keys_on_the_page_are_the_usual_ones() -> None:
    usual = EmulatorSettings()

    for word in (usual.access_key, usual.secret_key, usual.domain, usual.user, usual.password):
        assert f"`{word}`" in TEXT
    assert usual.token_life.total_seconds() == 24 * 3600
    assert usual.job_visible_after.total_seconds() == 2


@pytest.mark.parametrize("option", sorted(set(re.findall(r"--[a-z][a-z-]+", TEXT))))
def test_every_option_on_the_page_exists(option: str) -> None:
    assert option in {name for parameter in emulate.params for name in parameter.opts}


SHARES: Final = {
    "busy": "busy with something else, for up to a minute",
    "frozen": "frozen",
    "abnormal": "abnormal",
    "single": "of mode `Single`",
    "current": "already current",
    "failing": "bound to fail",
}


@pytest.mark.parametrize("share", SHARES)
def test_shares_and_codes_on_the_page_are_the_real_ones(clock: SetClock, share: str) -> None:
    (row,) = [row for row in rows("instance") if row[0] == SHARES[share]]
    nobody: dict[str, Any] = dict.fromkeys(SHARES, 0)
    mix = Mix(**{**nobody, share: 1})
    with Emulator(EmulatorSettings(instances=1, mix=mix), clock) as cloud:
        caller = Caller(cloud, clock)
        results = caller.upgrade(*cloud.world.instances).document["upgrade_results"]
        caller.close()

    assert row[1] == f"{100 * getattr(Mix(), share):.0f} %"
    assert results[0].get("error_code", "starts") in row[2]


def test_the_example_for_tests_runs() -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}

    exec(code, names)  # noqa: S102 - our own page, and the very thing it promises

    assert names["endpoint"].startswith("http://127.0.0.1:")
    assert (names["arrived"], names["calls"], names["starts"]) == (False, (), 0)
