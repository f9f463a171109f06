"""Settings back to YAML, as `offpeakd config show` prints them."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeGuard, cast

from offpeakd.settings.models import Settings
from offpeakd.settings.scalars import resolve
from offpeakd.settings.tree import Path, dotted

_BARE: Final = re.compile(r"[A-Za-z/][A-Za-z0-9_./+-]*|(?:[0-9]+(?:ms|[dhms]))+")
_FOR_OTHERS: Final = frozenset({"y", "n", "yes", "no", "on", "off"})
"""Words that are text here and truth values to readers of YAML 1.1."""


def as_yaml(settings: Settings, origins: Mapping[str, str] | None = None) -> str:
    """A configuration that says the same, with every default written out.

    Args:
        settings: as validated.
        origins: where each key was set; given, each line says it in a comment.
    """
    values = settings.model_dump(mode="json", by_alias=True, exclude_none=True)
    lines = _map(cast("Mapping[str, object]", values), (), origins or {})
    return "\n".join(lines) + "\n"


def _map(values: Mapping[str, object], path: Path, origins: Mapping[str, str]) -> Iterator[str]:
    for key, value in values.items():
        if value == "":
            continue
        yield from _entry(key, value, (*path, key), origins)


def _entry(key: str, value: object, path: Path, origins: Mapping[str, str]) -> Iterator[str]:
    name = _scalar(key)
    if _is_map(value):
        yield f"{name}:"
        for line in _map(value, path, origins):
            yield f"  {line}"
    elif _is_list_of_maps(value):
        yield f"{name}:"
        for index, item in enumerate(value):
            lines = _map(item, (*path, index), origins)
            yield from (f"  {'  ' if at else '- '}{line}" for at, line in enumerate(lines))
    else:
        origin = origins.get(dotted(path))
        yield f"{name}: {_flow(value)}" + (f"  # {origin}" if origin else "")


def _is_map(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, dict) and value != {}


def _is_list_of_maps(value: object) -> TypeGuard[list[Mapping[str, object]]]:
    return isinstance(value, list) and any(_is_map(item) for item in cast("list[object]", value))


def _flow(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_flow(item) for item in cast('list[object]', value))}]"
    return "{}" if value == {} else _scalar(value)


def _scalar(value: object) -> str:
    if not isinstance(value, str):
        return json.dumps(value)
    plain = _BARE.fullmatch(value) and isinstance(resolve(value), str)
    return value if plain and value.lower() not in _FOR_OTHERS else json.dumps(value)
