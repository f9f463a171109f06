"""The wheel alone is enough: migrations, examples and schema are inside it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel's content."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        content.extractall(folder / "site")
    return folder / "site"


def offpeakd(*arguments: str, path: Path | None, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run the command as installed: from a wheel's content, or from this checkout."""
    environ = {**os.environ, **({"PYTHONPATH": str(path)} if path else {})}
    return subprocess.run(
        [sys.executable, "-m", "offpeakd", *arguments],
        cwd=cwd,
        env=environ,
        text=True,
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("installed", ["wheel", "editable"])
def test_a_first_configuration_and_a_database_come_from_what_is_installed(
    unpacked: Path, tmp_path: Path, installed: str
) -> None:
    path = unpacked if installed == "wheel" else None

    assert offpeakd("config", "init", path=path, cwd=tmp_path).returncode == 0
    schema = offpeakd("config", "schema", path=path, cwd=tmp_path)
    assert schema.stdout == (ROOT / "config" / "offpeakd.schema.json").read_text()
    config = tmp_path / "offpeakd.yaml"
    config.write_text(
        "timezone: UTC\n"
        "targets: {prod: {region: eu-west-101, project_id: 054e292c9880d4992f02c0196d3ea468}}\n"
        "windows: {always: {always: true}}\n"
        f"database: {{url: 'sqlite:///{tmp_path}/own.db'}}\n"
    )
    assert offpeakd("list", path=path, cwd=tmp_path).returncode == 0
    current = offpeakd("db", "check", path=path, cwd=tmp_path)
    assert current.returncode == 0, current.stderr


def test_the_wheel_carries_its_files_and_types(unpacked: Path) -> None:
    inside = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}

    assert {
        "offpeakd/py.typed",
        "offpeakd/_share/alembic/env.py",
        "offpeakd/_share/config/offpeakd.yaml",
        "offpeakd/_share/config/offpeakd.schema.json",
        "offpeakd/_share/deploy/systemd/offpeakd.service",
    } <= inside
    assert not [name for name in inside if name.startswith("offpeakd/_share/alembic/__init__")]


def test_the_folder_of_migrations_does_not_shadow_the_library() -> None:
    assert not (ROOT / "alembic" / "__init__.py").exists()
