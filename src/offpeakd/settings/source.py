"""One YAML file: text to a tree with places, and everything that is wrong in it.

Nodes are composed here from the parser's events, which keeps line and column of every key and
value, costs a third of a round-trip load, and lets what a configuration has no use for (anchors,
tags, several documents, deep nesting) be refused before anything is built from it.
"""

from collections.abc import Iterator
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from offpeakd.core.errors import Problem
from offpeakd.core.identifiers import shown
from offpeakd.core.values import value
from offpeakd.settings.plain_text import UnreadableError, decode
from offpeakd.settings.scalars import resolve
from offpeakd.settings.syntax import translate
from offpeakd.settings.tree import Branch, Entry, Leaf, Node, Place, Row

DEEPEST: Final = 32
"""How deep lists and maps may nest. The deepest setting is five levels down."""


@value
class Reading:
    """What came of reading one file.

    Attributes:
        root: its map; an empty one where it has none.
        problems: what is wrong with it as YAML.
    """

    root: Branch
    problems: tuple[Problem, ...]


def read(raw: bytes, name: str) -> Reading:
    """Read one file.

    Args:
        raw: its bytes, at least one more than allowed when it is too large.
        name: the file, as the user named it in messages.
    """
    composer = _Composer(name)
    try:
        text = decode(raw, name)
        root = composer.document(text)
    except UnreadableError as error:
        return Reading(Branch(Place(name)), (*composer.problems, error.problem))
    return Reading(root, tuple(composer.problems))


class _Composer:
    """Builds the tree of one file from the parser's events."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []

    def document(self, text: str) -> Branch:
        """The map at the top of the file.

        Raises:
            UnreadableError: not YAML, nested too deep, or several documents.
        """
        try:
            return self._root(_events(text))
        except MarkedYAMLError as error:
            raise UnreadableError(self._syntax(text, error)) from None
        except RecursionError:
            raise UnreadableError(self._too_deep(Place(self.name))) from None
        except YAMLError as error:
            problem = Problem(self.name, 0, 0, "", f"this is not YAML ({error})", "")
            raise UnreadableError(problem) from None

    def _root(self, events: Iterator[Event]) -> Branch:
        root: Node | None = None
        for event in events:
            if isinstance(event, DocumentStartEvent):
                self._check_document(event, first=root is None)
            elif isinstance(event, NodeEvent):
                root = self._node(event, events, 1)
            elif isinstance(event, StreamEndEvent):
                break
        if root is None or (isinstance(root, Leaf) and root.value is None):
            return Branch(Place(self.name))
        if not isinstance(root, Branch):
            kind = "a list" if isinstance(root, Row) else "text"
            what = f"expected a map with timezone, targets and windows, got {kind}"
            fix = "Start each line with `key:`; `offpeakd config init` writes an example."
            raise UnreadableError(root.place.problem((), what, fix))
        return root

    def _check_document(self, event: DocumentStartEvent, *, first: bool) -> None:
        place = self._place(event.start_mark)
        if not first:
            what = "a second document starts here"
            fix = "Keep one document in a file; put more settings into conf.d/*.yaml."
            raise UnreadableError(place.problem((), what, fix))
        if event.version or event.tags:
            what = "directives are not allowed"
            self._refuse(place, what, "Remove the line that starts with %.")

    def _node(self, event: NodeEvent, events: Iterator[Event], depth: int) -> Node:
        place = self._place(event.start_mark)
        self._refuse_extras(event, place)
        if isinstance(event, ScalarEvent):
            return Leaf(_value(event), place)
        if depth > DEEPEST:
            raise UnreadableError(self._too_deep(place))
        if isinstance(event, SequenceStartEvent):
            return self._row(place, events, depth)
        if isinstance(event, MappingStartEvent):
            return self._branch(place, events, depth)
        return Leaf(None, place)

    def _row(self, place: Place, events: Iterator[Event], depth: int) -> Row:
        row = Row(place)
        for event in events:
            if isinstance(event, SequenceEndEvent):
                break
            row.items.append(self._node(_node_event(event), events, depth + 1))
        return row

    def _branch(self, place: Place, events: Iterator[Event], depth: int) -> Branch:
        branch = Branch(place)
        for event in events:
            if isinstance(event, MappingEndEvent):
                break
            key_place = self._place(event.start_mark)
            key = self._key(_node_event(event), events, depth + 1)
            value = _node_event(next(events))
            node = self._node(value, events, depth + 1)
            if key is not None and not isinstance(value, AliasEvent):
                self._enter(branch, key, Entry(key_place, node))
        return branch

    def _key(self, event: NodeEvent, events: Iterator[Event], depth: int) -> str | None:
        """The text of a key, whatever it would mean as a value; None where it is no key."""
        if isinstance(event, ScalarEvent) and event.value:
            self._refuse_extras(event, self._place(event.start_mark))
            return event.value
        node = self._node(event, events, depth)
        if not isinstance(event, AliasEvent):
            what = "a key is missing before the colon"
            if not isinstance(node, Leaf):
                what = "a key has to be text, not a list or a map"
            fix = "Write it as `key: value`; put a value that starts with [ or { in quotes."
            self._refuse(node.place, what, fix)
        return None

    def _enter(self, branch: Branch, key: str, entry: Entry) -> None:
        first = branch.entries.get(key)
        if first is None:
            branch.entries[key] = entry
            return
        what = f"duplicate key {shown(key)}, first at line {first.place.line}"
        self._refuse(entry.place, what, "Keep one of the two.")

    def _refuse_extras(self, event: NodeEvent, place: Place) -> None:
        if isinstance(event, AliasEvent) or event.anchor:
            self._refuse(
                place,
                "anchors and aliases are not supported",
                "Write the value out; if it is text that starts with & or *, put it in quotes.",
            )
        elif getattr(event, "tag", None):
            self._refuse(
                place,
                "tags are not allowed",
                "Remove the word that starts with !, or put it in quotes.",
            )

    def _refuse(self, place: Place, what: str, fix: str) -> None:
        self.problems.append(place.problem((), what, fix))

    def _too_deep(self, place: Place) -> Problem:
        what = f"nested too deep (at most {DEEPEST} levels)"
        return place.problem((), what, "Remove the extra brackets or indentation.")

    def _syntax(self, text: str, error: MarkedYAMLError) -> Problem:
        at = self._place(error.problem_mark)
        start = self._place(error.context_mark or error.problem_mark)
        return translate(
            self.name,
            text,
            error.context or "",
            error.problem or "",
            (start.line, start.column),
            (at.line, at.column),
        )

    def _place(self, mark: StreamMark) -> Place:
        return Place(self.name, mark.line + 1, mark.column + 1)


def _events(text: str) -> Iterator[Event]:
    return YAML(typ="safe", pure=True).parse(text)


def _node_event(event: Event) -> NodeEvent:
    if not isinstance(event, NodeEvent):  # pragma: no cover - the parser's grammar excludes it
        raise TypeError(type(event).__name__)
    return event


def _value(event: ScalarEvent) -> str | int | float | bool | None:
    return event.value if event.style else resolve(event.value)
