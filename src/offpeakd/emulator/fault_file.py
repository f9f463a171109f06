"""Reads faults from a YAML file; says file, line and key of everything wrong in it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from offpeakd.core.durations import parse_duration
from offpeakd.core.errors import ConfigurationError, Problem, UsageError
from offpeakd.core.grammar import GrammarError, nearest
from offpeakd.emulator.faults import Faults, complaints
from offpeakd.emulator.rules import Rule
from offpeakd.settings.plain_text import LARGEST
from offpeakd.settings.source import read
from offpeakd.settings.tree import Branch, Leaf, Node, Row

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
    if reading.problems:
        raise ConfigurationError(reading.problems)
    problems: list[Problem] = []
    rules, seed = _faults(reading.root, problems)
    if problems:
        raise ConfigurationError(tuple(problems))
    return Faults(tuple(rules), seed)


def _faults(root: Branch, problems: list[Problem]) -> tuple[list[Rule], int]:
    rules: list[Rule] = []
    seed = 1
    for key, entry in root.entries.items():
        match key, entry.node:
            case "seed", Leaf(value=int() as number) if not isinstance(number, bool):
                seed = number
            case "faults", Row() as row:
                found = (_fault(item, at, problems) for at, item in enumerate(row.items))
                rules.extend(fault for fault in found if fault is not None)
            case _:
                fix = "Write `seed: 1` and a list under `faults:`, nothing else."
                problems.append(entry.place.problem((key,), "not expected here", fix))
    return rules, seed


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
            problems.append(entry.place.problem(("faults", at, key), error.what, f"{error.fix}."))
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
    "for": lambda value: parse_duration(_text(value)),
    "retry_after": lambda value: parse_duration(_text(value)),
}


def _value(key: str, node: Node) -> object:
    reader = _READERS.get(key)
    if reader is None:
        close = nearest(key, tuple(_READERS))
        hint = f"Did you mean {close}?" if close else f"Known keys: {', '.join(_READERS)}"
        raise GrammarError("unknown key", hint.rstrip("?"))
    return reader(node.value if isinstance(node, Leaf) else None)
