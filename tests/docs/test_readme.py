"""The README keeps its word."""

import os
import re
from pathlib import Path

from fakes.pages import with_real_output
from offpeakd import app

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def configuration() -> str:
    found = re.search(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_its_configuration_has_ten_lines_and_loads(tmp_path: Path) -> None:
    (tmp_path / "offpeakd.yaml").write_text(configuration())

    loaded = app.load_settings(None, {}, tmp_path)

    assert len(configuration().strip().splitlines()) <= 10
    assert list(loaded.settings.targets) == ["prod-eu"]


def test_its_commands_print_what_it_shows(tmp_path: Path) -> None:
    (tmp_path / "offpeakd.yaml").write_text(configuration())

    fresh = with_real_output(README.read_text(), tmp_path)

    if os.environ.get("UPDATE_PAGES"):
        README.write_text(fresh)
    assert README.read_text() == fresh


def test_its_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text())

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_contributing_stays_short() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) <= 80
