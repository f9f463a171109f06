"""What a file or a variable says, each piece with its place."""

from dataclasses import dataclass, field
from typing import NamedTuple

from offpeakd.core.errors import Problem

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]
"""A value without its place."""

Path = tuple[str | int, ...]
"""Keys and list positions from the root to a value."""

ENVIRONMENT = "environment"
"""What a problem names as its file when a variable is at fault."""


class Place(NamedTuple):
    """Where something was written.

    Attributes:
        file: as the user named it, or `environment`.
        line: counted from 1; 0 for the file as a whole and for a variable.
        column: counted from 1; 0 likewise.
        variable: its name, where it was a variable.
    """

    file: str
    line: int = 0
    column: int = 0
    variable: str = ""

    @property
    def origin(self) -> str:
        """How `config show --origins` names it."""
        return self.variable or (f"{self.file}:{self.line}" if self.line else self.file)

    def problem(self, path: Path, what: str, fix: str) -> Problem:
        """Something wrong here."""
        name = self.variable or dotted(path)
        return Problem(self.file, self.line, self.column, name, what, fix)


@dataclass(slots=True, eq=False, repr=False)
class Leaf:
    """A text, number, truth value or nothing."""

    value: str | int | float | bool | None
    place: Place


@dataclass(slots=True, eq=False, repr=False)
class Row:
    """A list."""

    place: Place
    items: list["Node"] = field(default_factory=list["Node"])


class Entry(NamedTuple):
    """One key of a map with its value."""

    place: Place
    node: "Node"


@dataclass(slots=True, eq=False, repr=False)
class Branch:
    """A map, in the order of writing."""

    place: Place
    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])


Node = Leaf | Row | Branch


def dotted(path: Path) -> str:
    """A path as people write it: `freezes.0.name`."""
    return ".".join(str(part) for part in path)


def plain(node: Node) -> Plain:
    """The values alone."""
    match node:
        case Leaf():
            return node.value
        case Row():
            return [plain(item) for item in node.items]
        case Branch():
            return {key: plain(entry.node) for key, entry in node.entries.items()}


def merged(below: Branch, above: Branch) -> Branch:
    """Two maps as one: maps within merge likewise, anything else of `above` replaces."""
    entries = dict(below.entries)
    for key, entry in above.entries.items():
        old = entries.get(key)
        if old and isinstance(old.node, Branch) and isinstance(entry.node, Branch):
            entries[key] = Entry(entry.place, merged(old.node, entry.node))
        else:
            entries[key] = entry
    return Branch(below.place, entries)


def child(node: Node | None, part: str | int) -> Node | None:
    """One step down; None where there is no such thing."""
    if isinstance(node, Branch) and isinstance(part, str):
        entry = node.entries.get(part)
        return entry.node if entry else None
    if isinstance(node, Row) and isinstance(part, int) and part < len(node.items):
        return node.items[part]
    return None


def branch(node: Node | None, *path: str | int) -> Branch:
    """The map under a path; an empty one where there is none."""
    for part in path:
        node = child(node, part)
    return node if isinstance(node, Branch) else Branch(Place(""))
