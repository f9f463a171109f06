"""A guess at the database, made before the configuration is read."""

import os
from pathlib import Path

import pytest

from offpeakd.settings.first_look import names_postgresql


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("database:\n  url: postgresql://ann@db/offpeakd\n", True),
        ("database:\n  url: 'postgres://ann@db/offpeakd'\n", True),
        ('database: {url: "postgresql+psycopg://ann@db/offpeakd"}\n', True),
        ("database:\n  url: sqlite:////var/lib/offpeakd.db  # or postgresql://ann@db/x\n", False),
        ("database:\n  # url: postgresql://ann@db/offpeakd\n", False),
        ("timezone: UTC\n", False),
        ("\0", False),
    ],
)
def test_the_words_of_the_file_say(tmp_path: Path, text: str, is_named: bool) -> None:
    (tmp_path / "offpeakd.yaml").write_text(text)
    assert names_postgresql(None, {}, tmp_path) is is_named


def test_so_do_those_of_a_drop_in(tmp_path: Path) -> None:
    (tmp_path / "offpeakd.yaml").write_text("timezone: UTC\n")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "10-database.yaml").write_text("database:\n  url: postgresql://db/x\n")
    assert names_postgresql(None, {}, tmp_path)


@pytest.mark.parametrize(("url", "is_named"), [("postgresql://db/x", True), ("sqlite:///x", False)])
def test_a_variable_goes_before_every_file(tmp_path: Path, url: str, is_named: bool) -> None:
    (tmp_path / "offpeakd.yaml").write_text("database:\n  url: postgresql://ann@db/offpeakd\n")
    assert names_postgresql(None, {"OFFPEAKD_DATABASE__URL": url}, tmp_path) is is_named


def test_what_can_be_read_once_is_left_alone(tmp_path: Path) -> None:

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert not names_postgresql(pipe, {}, tmp_path)


def test_nothing_is_said_where_nothing_can_be_read(tmp_path: Path) -> None:
    assert not names_postgresql(None, {}, tmp_path)
    assert not names_postgresql(tmp_path, {}, tmp_path)
    assert not names_postgresql(tmp_path / "absent.yaml", {}, tmp_path)
