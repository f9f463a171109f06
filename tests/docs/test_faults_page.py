"""The page of faults: all forty are there, and every test it names exists."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "development" / "faults.md"
LINE = re.compile(r"^\| (\d+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
NUMBERED = re.compile(r"test_scenario_(\d\d)_")


@cache
def collected_from(path: str) -> frozenset[str]:
    """Names of the tests that pytest collects from a file."""
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )


def lines() -> dict[int, list[tuple[str, str]]]:
    """The tests that each line names: file and function."""
    return {int(line[1]): NAMED.findall(line[4]) for line in LINE.finditer(PAGE.read_text())}


def test_all_forty_are_there_each_with_a_test() -> None:
    assert list(lines()) == list(range(1, 41))
    assert [number for number, named in lines().items() if not named] == []


def test_every_test_that_is_named_exists() -> None:
    named = {pair for pairs in lines().values() for pair in pairs}
    named |= set(NAMED.findall(PAGE.read_text()))
    assert {(file, test) for file, test in named if test not in collected_from(file)} == set()


def test_every_scenario_stands_on_the_line_of_its_number() -> None:
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    scenarios = {
        (str(file.relative_to(ROOT)), test)
        for file in files
        for test in collected_from(str(file.relative_to(ROOT)))
        if NUMBERED.match(test)
    }
    on_lines = {(file, test, number) for number, pairs in lines().items() for file, test in pairs}
    assert scenarios, "there are scenarios at all"
    assert {(file, test, int(test[14:16])) for file, test in scenarios} <= on_lines


def test_every_file_that_the_page_names_exists() -> None:
    named = re.findall(r"`((?:src|tests)/[\w/.]+)(?:::\w+)?`", PAGE.read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []
