"""Reads faults from a YAML file; says file, line and key of everything wrong in it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from offpeakd.core.durations import parse_duration
from offpeakd.core.errors import ConfigurationError, Problem, UsageError
from offpeakd.core.grammar import GrammarError, nearest
from offpeakd.emulator.faults import Faults, complaints
from offpeakd.emulator.rules import Rule
from offpeakd.settings.plain_text import LARGEST
from offpeakd.settings.source import read
from offpeakd.settings.tree import Branch, Entry, Leaf, Node, Row

_FIELDS: Final = {"for": "wait"}


def read_faults(path: Path) -> Faults:
    """Read a file of faults.

    Raises:
        UsageError: it can't be opened.
        ConfigurationError: with everything wrong in it.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(
            f"The fault file {path} can't be read: {error.strerror}", fix="Check --faults."
        ) from error
    reading = read(raw, str(path))
    problems = [_about_faults(problem) for problem in reading.problems]
    rules, seed = _faults(reading.root, problems)
    if problems:
        raise ConfigurationError(tuple(problems))
    return Faults(tuple(rules), seed)


def _about_faults(problem: Problem) -> Problem:
    """The reader's words for a file that isn't a map are about another kind of file."""
    if problem.what.startswith("expected a map"):
        what = f"expected a map with faults and perhaps seed, {problem.what.rpartition(', ')[2]}"
        return replace(problem, what=what, fix="Write `faults:` and the list below it.")
    return problem


def _faults(root: Branch, problems: list[Problem]) -> tuple[list[Rule], int]:
    rules: list[Rule] = []
    seed = 1
    for key, entry in root.entries.items():
        try:
            match key:
                case "seed":
                    seed = _whole(_plain(entry.node))
                case "faults":
                    found = (
                        _fault(item, at, problems) for at, item in enumerate(_rows(entry.node))
                    )
                    rules.extend(rule for rule in found if rule is not None)
                case _:
                    problems.append(_unknown(key, entry))
        except GrammarError as error:
            problems.append(entry.place.problem((key,), error.what, f"{error.fix}."))
    return rules, seed


def _unknown(key: str, entry: Entry) -> Problem:
    return entry.place.problem((key,), "unknown key", "A file of faults has seed and faults.")


def _rows(node: Node) -> list[Node]:
    if isinstance(node, Row):
        return node.items
    if _plain(node) is None:
        return []
    raise GrammarError("expected a list", "Start each fault with a dash")


def _plain(node: Node) -> object:
    """The value of a scalar; a list or a map stands for itself, which no reader accepts."""
    return node.value if isinstance(node, Leaf) else node


def _fault(node: Node, at: int, problems: list[Problem]) -> Rule | None:
    if not isinstance(node, Branch):
        fix = "Write it as {do: do-then-drop, nth: 2}."
        problems.append(node.place.problem(("faults", at), "expected a map", fix))
        return None
    before = len(problems)
    fields: dict[str, Any] = {}
    for key, entry in node.entries.items():
        try:
            fields[_FIELDS.get(key, key)] = _value(key, entry.node)
        except GrammarError as error:
            fix = error.fix if error.fix.endswith("?") else f"{error.fix}."
            problems.append(entry.place.problem(("faults", at, key), error.what, fix))
    if "do" not in node.entries:
        problems.append(node.place.problem(("faults", at, "do"), "missing", "Say what goes wrong."))
    if len(problems) > before:
        return None
    rule = Rule(**fields)
    for complaint in complaints(rule):
        found = node.entries.get(complaint.key)
        place = node.place if found is None else found.place
        path = ("faults", at, complaint.key)
        problems.append(place.problem(path, complaint.what, complaint.fix))
    return rule


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    raise GrammarError("expected text", "Put it in quotes")


def _time(value: object) -> timedelta:
    if isinstance(value, str | int) and not isinstance(value, bool):
        return parse_duration(str(value))
    raise GrammarError("expected a duration", "Write a number and a unit, such as 3s")


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise GrammarError("expected a whole number", "Write it without quotes, such as 3")


def _share(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise GrammarError("expected a number", "Write 0 to 1, such as 0.1")


_READERS: Final[dict[str, Callable[[object], object]]] = {
    "do": _text,
    "call": _text,
    "instance": _text,
    "code": _text,
    "message": _text,
    "status": _whole,
    "nth": _whole,
    "every": _whole,
    "times": _whole,
    "probability": _share,
    "for": _time,
    "retry_after": _time,
}


def _value(key: str, node: Node) -> object:
    reader = _READERS.get(key)
    if reader is None:
        close = nearest(key, tuple(_READERS))
        hint = f"Did you mean {close}?" if close else f"Known keys: {', '.join(_READERS)}"
        raise GrammarError("unknown key", hint)
    return reader(_plain(node))
