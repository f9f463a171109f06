"""`offpeakd config`."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fakes.set_clock import SetClock
from offpeakd import share
from offpeakd.cli.context import Invocation
from offpeakd.cli.main import main
from settings.configuration_text import WHOLE, written

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEYS = {"HUAWEICLOUD_SDK_AK": "AKAKAKAKAKAKAKAKAKAK", "HUAWEICLOUD_SDK_SK": "s" * 40}


def run(folder: Path, *arguments: str) -> int:
    invocation = Invocation(environ=KEYS, cwd=folder, clock=SetClock(NOW))
    return main(["config", *arguments], invocation)


def test_check_says_what_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, WHOLE)
    assert run(tmp_path, "check") == 0
    out, err = capsys.readouterr()
    assert out == "ok: 1 window, 1 target, next opening Mon 23:00 CET (22:00Z), in 10 h\n"
    assert err == ""


def test_check_takes_a_file_and_warns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = WHOLE + "  once: {dates: [2026-11-20], from: 10:00, to: 11:00}\n"
    written(tmp_path, text, "other.yaml")
    assert run(tmp_path, "check", "other.yaml") == 0
    out, err = capsys.readouterr()
    assert out.startswith("ok: 2 windows, 1 target, ")
    assert err == "warning: windows.once: does not open in the next 400 days\n"


def test_check_lists_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, WHOLE.replace("05:00", "25:00") + "relese: {}\n")
    assert run(tmp_path, "check") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.partition(": ")[0] for line in err.splitlines()] == [
        "offpeakd.yaml:9:9",
        "offpeakd.yaml:10:1",
    ]


def test_check_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, WHOLE)
    assert run(tmp_path, "check", "-o", "json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer.pop("hash")
    assert answer == {
        "ok": True,
        "files": [str(tmp_path / "offpeakd.yaml")],
        "windows": ["nights"],
        "targets": ["prod"],
        "open": False,
        "next_opening": "2026-11-23T22:00:00Z",
        "warnings": [],
        "problems": [],
    }


def test_problems_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, WHOLE + "relese: {}\n")
    assert run(tmp_path, "check", "-o", "json") == 2
    assert json.loads(capsys.readouterr().out) == {
        "ok": False,
        "problems": [
            {
                "file": "offpeakd.yaml",
                "line": 10,
                "column": 1,
                "path": "relese",
                "what": "unknown key 'relese'",
                "fix": "Did you mean release?",
            }
        ],
    }


def test_check_looks_at_key_files_unless_told_not_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "init") == 0
    capsys.readouterr()
    assert run(tmp_path, "check") == 2
    assert f"{tmp_path}/prod.ak" in capsys.readouterr().err
    assert run(tmp_path, "check", "--skip-files") == 0


def test_init_writes_the_minimal_example_and_never_over_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "init", "new.yaml") == 0
    text = (tmp_path / "new.yaml").read_text()
    assert text == share.path_of("config/minimal.yaml").read_text()
    capsys.readouterr()
    assert run(tmp_path, "init", "new.yaml") == 2
    assert capsys.readouterr().err == (
        "offpeakd: new.yaml exists\n  Name another file, or move it away.\n"
    )


def test_init_needs_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "init", "nowhere/new.yaml") == 2
    assert "can't be written: No such file or directory" in capsys.readouterr().err


def test_show_says_where_each_value_comes_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(tmp_path, WHOLE)
    assert run(tmp_path, "show", "--origins") == 0
    out = capsys.readouterr().out
    assert "timezone: Europe/Amsterdam  # offpeakd.yaml:1\n" in out
    assert '    from: "23:00"  # offpeakd.yaml:8\n' in out
    assert "  poll: 5s  # default\n" in out


def test_show_alone_has_no_comments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, WHOLE)
    assert run(tmp_path, "show") == 0
    assert " #" not in capsys.readouterr().out


def test_schema_prints_the_shipped_schema(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "schema") == 0
    assert capsys.readouterr().out == share.path_of("config/offpeakd.schema.json").read_text()
