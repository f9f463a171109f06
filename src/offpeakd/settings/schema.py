"""The JSON Schema of the configuration, and what it knows about keys."""

from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any, Final, cast

from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import override

from offpeakd.core.durations import format_duration
from offpeakd.settings.models import Settings
from offpeakd.settings.names import PREFIX
from offpeakd.settings.tree import Path

Schema = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NESTED: Final = ("anyOf", "oneOf", "allOf")


def json_schema() -> Schema:
    """The schema that editors check and complete the YAML file by."""
    return {"$schema": _DIALECT, **_schema()}


def keys_under(path: Path) -> tuple[str, ...]:
    """Every key that the map at a path may have; none where its keys are names of the user's."""
    found = _schemas_at(path)
    return tuple(sorted({key for schema in found for key in schema.get("properties", {})}))


def variables() -> tuple[str, ...]:
    """Names of all variables that can be named beforehand: those of sections with fixed keys."""
    top = keys_under(())
    nested = ((key, below) for key in top for below in keys_under((key,)))
    names = {*top, *(f"{key}__{below}" for key, below in nested)}
    return tuple(sorted(f"{PREFIX}{name.upper()}" for name in names))


class _WithDurations(GenerateJsonSchema):
    """Writes durations the way people do."""

    @override
    def encode_default(self, dft: Any) -> Any:
        return format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


@cache
def _schema() -> Schema:
    return Settings.model_json_schema(by_alias=True, schema_generator=_WithDurations)


def _schemas_at(path: Path) -> list[Schema]:
    here = list(_alternatives(_schema()))
    for part in path:
        here = [below for schema in here for below in _below(schema, part)]
    return here


def _below(schema: Schema, part: str | int) -> Iterator[Schema]:
    if isinstance(part, int):
        inner = schema.get("items")
    else:
        inner = schema.get("properties", {}).get(part, schema.get("additionalProperties"))
    if isinstance(inner, dict):
        yield from _alternatives(cast("Schema", inner))


def _alternatives(schema: Schema) -> Iterator[Schema]:
    """The schemas that a schema stands for, references followed."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        yield from _alternatives(_schema()["$defs"][reference.rpartition("/")[2]])
        return
    yield schema
    for word in _NESTED:
        for inner in schema.get(word, []):
            yield from _alternatives(inner)
