"""docs/usage/configuration.md tells the truth."""

import re
from pathlib import Path
from typing import Final

import pytest

from offpeakd.settings.schema import keys_under
from settings.configuration_text import WHOLE, complaint, loaded

PAGE: Final = Path(__file__).parents[2] / "docs/usage/configuration.md"
TEXT: Final = PAGE.read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_the_smallest_configuration_loads(tmp_path: Path) -> None:
    assert loaded(tmp_path, blocks("yaml")[0]).warnings == ()


def test_the_variables_are_taken(tmp_path: Path) -> None:
    variables = dict(line.split("=", 1) for line in blocks("sh")[0].splitlines())
    text = WHOLE.replace("prod:", "prod-eu:").replace("nights:", "weeknights:")
    settings = loaded(tmp_path, text, **variables).settings
    assert settings.release.batch_size == 5
    assert settings.targets["prod-eu"].in_flight == 10
    assert settings.windows["weeknights"].days == ("mon-wed", "thu")


def test_the_messages_are_the_real_ones(tmp_path: Path) -> None:
    text = WHOLE.replace("05:00", "25:00") + "relese: {}\n"
    assert complaint(tmp_path, text) + "\n" == blocks("text")[0]


@pytest.mark.parametrize("section", keys_under(()))
def test_every_section_stands_on_the_page(section: str) -> None:
    assert re.search(rf"`{section}[.`]", TEXT)


@pytest.mark.parametrize(
    ("key", "default"),
    re.findall(
        r"^\| `((?:release|database|retention|lease|log)\.\w+)` \| `([^`]+)` \|", TEXT, re.MULTILINE
    ),
)
def test_the_defaults_are_the_real_ones(tmp_path: Path, key: str, default: str) -> None:
    section, _, name = key.partition(".")
    values = loaded(tmp_path).settings.model_dump(mode="json")
    assert str(values[section][name]).lower() == default


def test_every_key_of_a_section_stands_on_the_page() -> None:
    words = set(re.findall(r"`(?:[\w.]+\.)?([a-z_]+)`", TEXT))
    fixed = ("database", "release", "retry", "follow_up", "reconcile", "lease", "http", "log")
    keys = {key for section in fixed for key in keys_under((section,))}
    keys |= set(keys_under(("targets", "prod"))) - {"credentials"}
    assert keys - words == set()
