"""Where each setting was written."""

from collections.abc import Iterator, Mapping
from typing import cast

from offpeakd.settings.models import Settings
from offpeakd.settings.tree import Branch, Node, Path, Row, dotted

DEFAULT = "default"
"""The origin of what nobody wrote."""


def origins_of(settings: Settings, root: Branch) -> Mapping[str, str]:
    """The origin of every key, by dotted key.

    Args:
        settings: as validated.
        root: what files and variables said.
    """
    written = {dotted(path): origin for path, origin in _written(root, ())}
    values = settings.model_dump(mode="json", by_alias=True)
    return {key: written.get(key, DEFAULT) for key in _keys(values, ())}


def _written(node: Node, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(node, Branch):
        for key, entry in node.entries.items():
            yield (*path, key), entry.place.origin
            yield from _written(entry.node, (*path, key))
    elif isinstance(node, Row):
        for index, item in enumerate(node.items):
            yield (*path, index), item.place.origin
            yield from _written(item, (*path, index))


def _keys(value: object, path: Path) -> Iterator[str]:
    """Dotted keys of everything that has no map below it."""
    if isinstance(value, dict) and value:
        for key, part in cast("dict[str, object]", value).items():
            yield from _keys(part, (*path, key))
    elif isinstance(value, list) and any(
        isinstance(part, dict) for part in cast("list[object]", value)
    ):
        for index, part in enumerate(cast("list[object]", value)):
            yield from _keys(part, (*path, index))
    else:
        yield dotted(path)
