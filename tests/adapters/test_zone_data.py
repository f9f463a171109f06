"""Which zone data computes the openings."""

import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import pytest

from offpeakd.adapters import zone_data


@pytest.fixture
def folders() -> Iterator[None]:
    """Puts the search path for zone data back."""
    yield
    zoneinfo.reset_tzpath()


@pytest.mark.usefixtures("folders")
def test_the_systems_release_comes_first(tmp_path: Path) -> None:
    (tmp_path / "tzdata.zi").write_text("# version 2026b\nR ...\n")
    zoneinfo.reset_tzpath([str(tmp_path)])

    assert zone_data.version() == "2026b"


@pytest.mark.usefixtures("folders")
def test_without_one_the_package_is_named() -> None:
    zoneinfo.reset_tzpath([])

    assert zone_data.version().startswith("tzdata 20")
