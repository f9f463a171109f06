"""What config/ ships loads, is complete, and agrees with the schema."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from offpeakd import share
from offpeakd.settings.load import load
from offpeakd.settings.models import Settings
from offpeakd.settings.render import as_yaml
from offpeakd.settings.schema import json_schema
from offpeakd.settings.source import read
from offpeakd.settings.tree import plain
from settings.configuration_text import written

FOLDER = share.path_of("config")
EXAMPLES = sorted(set(FOLDER.glob("*.yaml")) - set(FOLDER.glob("faults*")))  # the emulator's


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.name)
def example(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_there_are_examples() -> None:
    assert {path.name for path in EXAMPLES} >= {"minimal.yaml", "offpeakd.yaml"}


def test_every_example_loads_without_a_warning(example: Path) -> None:
    assert load(example, {}, FOLDER).warnings == ()


def test_every_example_fits_the_schema(example: Path) -> None:
    values = plain(read(example.read_bytes(), example.name).root)
    jsonschema.Draft202012Validator(json_schema()).validate(values)


def test_what_show_prints_says_the_same(example: Path, tmp_path: Path) -> None:
    found = load(example, {}, FOLDER)
    again = load(written(tmp_path, as_yaml(found.settings)), {}, tmp_path)
    assert again.settings == found.settings
    assert again.hash == found.hash


def test_the_shipped_schema_is_the_one_of_the_settings() -> None:
    shipped = json.loads((FOLDER / "offpeakd.schema.json").read_text())
    assert shipped == json_schema()


def test_the_schema_refuses_an_unknown_key() -> None:
    with pytest.raises(jsonschema.ValidationError, match="widnows"):
        jsonschema.Draft202012Validator(json_schema()).validate({"widnows": {}})


def test_the_full_example_has_every_key_and_its_default() -> None:
    """Keys without a default are there as comments."""
    text = (FOLDER / "offpeakd.yaml").read_text()
    present = set(re.findall(r"(?:^|[\s{])([a-z_]+): ?", text, re.MULTILINE))
    assert set(_keys(json_schema())) - present == set()
    found = load(FOLDER / "offpeakd.yaml", {}, FOLDER).settings
    bare = Settings(timezone="UTC", targets=found.targets)
    for section in Settings.model_fields.keys() - {"timezone", "targets", "windows"}:
        assert getattr(found, section) == getattr(bare, section), section
    window = found.windows["weeknights"]
    assert (window.offset, window.always, window.cutoff.total_seconds()) == ("0d", False, 0)


def test_every_value_of_the_full_example_with_a_default_is_written_out() -> None:
    origins = load(FOLDER / "offpeakd.yaml", {}, FOLDER).origins
    found = load(FOLDER / "offpeakd.yaml", {}, FOLDER).settings.model_dump(
        mode="json", by_alias=True, exclude_none=True
    )
    unwritten = [key for key, origin in origins.items() if origin == "default"]
    assert [key for key in unwritten if _at(found, key) is not None] == []


def _at(values: Any, key: str) -> object:
    for part in key.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values


def _keys(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        properties = schema.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for part in schema.values():
            yield from _keys(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _keys(part)
