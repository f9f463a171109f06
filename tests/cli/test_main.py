"""The command as a process: help, exit codes, streams, closed pipes, signals."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import Command
from offpeakd.cli.main import ENTRIES

SLOW = ("http.client", "sqlalchemy", "pydantic", "rich", "structlog", "apscheduler", "alembic")


def python(*arguments: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "SUDO_USER": "zhang", **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_lists_every_command_and_imports_nothing_slow(tmp_path: Path) -> None:
    script = (
        "import sys; from offpeakd.cli.main import main; code = main(['--help']); "
        f"print([name for name in {SLOW} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    )

    ended = python("-c", script, folder=tmp_path)

    assert (ended.returncode, ended.stderr) == (0, "[]\n")
    for entry in ENTRIES:
        assert f"  {entry.name} " in ended.stdout


@pytest.mark.parametrize("name", [entry.name for entry in ENTRIES])
def test_every_command_has_help(offpeakd: Command, name: str) -> None:
    ended = offpeakd(name, "--help")

    assert ended.code == 0
    assert ended.out.startswith(f"Usage: offpeakd {name} ")


def test_a_misspelt_command_is_named_with_the_nearest(offpeakd: Command) -> None:
    ended = offpeakd("lisst")

    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "offpeakd: No such command 'lisst'. Did you mean 'list'?\n  See `offpeakd --help`.\n"
    )


def test_no_command_shows_help_on_stderr(offpeakd: Command) -> None:
    ended = offpeakd()

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Usage: offpeakd ")


def test_an_argument_that_is_not_utf_8_is_refused_at_the_door(folder: Path) -> None:
    ended = python("-m", "offpeakd", "pause", "--reason", os.fsdecode(b"db \xff"), folder=folder)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("offpeakd: argument 3 is not UTF-8: db \\udcff\n  Write it in ")


def test_a_missing_configuration_is_one_line_and_ends_with_2(
    offpeakd: Command, folder: Path
) -> None:
    ended = offpeakd("list", "--config", str(folder / "nowhere.yaml"))

    assert (ended.code, ended.out) == (2, "")
    assert "nowhere.yaml" in ended.err
    assert "Traceback" not in ended.err
    assert "Traceback" in offpeakd("--debug", "list", "--config", "nowhere.yaml").err


def test_a_damaged_database_ends_with_6(offpeakd: Command, folder: Path) -> None:
    (folder / "queue.db").write_bytes(b"no database at all" * 100)

    ended = offpeakd("list")

    assert (ended.code, ended.out) == (6, "")
    assert ended.err.startswith("offpeakd: ")


def test_a_reader_that_goes_away_is_no_error(folder: Path, offpeakd: Command) -> None:
    names = "\n".join(f"{number:032x}in02" for number in range(3000))
    (folder / "ids").write_text(names)
    offpeakd("add", "--from", str(folder / "ids"), "-o", "ids")

    with subprocess.Popen(
        [sys.executable, "-m", "offpeakd", "list", "-o", "jsonl"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["id"] == 1
        process.stdout.close()
        said = process.stderr.read()
        assert (process.wait(timeout=60), said) == (141, "")


@pytest.mark.parametrize("words", ["list", "run"])
@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full"])
def test_an_error_that_nobody_can_hear_keeps_its_exit_code(
    tmp_path: Path, words: str, where: str
) -> None:
    command = f"{shlex.quote(sys.executable)} -m offpeakd {words} --config absent.yaml {where}"
    assert (
        subprocess.run(["sh", "-c", command], check=False, cwd=tmp_path, timeout=60).returncode == 2
    )


def test_output_that_can_not_be_written_is_an_error(tmp_path: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m offpeakd version >/dev/full"
    ended = subprocess.run(
        ["sh", "-c", command], check=False, cwd=tmp_path, timeout=60, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (1, "offpeakd: No space left on device\n")


def test_whoever_closes_the_output_wants_none(tmp_path: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m offpeakd version >&-"
    ended = subprocess.run(
        ["sh", "-c", command], check=False, cwd=tmp_path, timeout=60, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_ids_may_come_from_standard_input(folder: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "offpeakd", "add", "--from", "-", "-o", "ids"],
        cwd=folder,
        input=f"{1:032x}in02\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (0, "1\n")


def test_the_database_commands_say_how_the_schema_stands(offpeakd: Command) -> None:
    assert offpeakd("db", "current").out == "no schema yet: it is created on first use\n"
    assert offpeakd("db", "upgrade").out.endswith(": created\n")
    assert offpeakd("db", "upgrade").out.endswith(": up to date already\n")
    assert offpeakd("db", "current").out.endswith(": up to date\n")
    assert offpeakd("db", "check").out == "ok\n"


def test_version_names_what_the_answers_depend_on(offpeakd: Command) -> None:
    found = json.loads(offpeakd("version", "-o", "json").out)

    assert list(found) == ["version", "python", "sqlite", "tzdata", "schema"]
    assert f"offpeakd  {found['version']}\n" in offpeakd("version").out
    assert offpeakd("--version").out == f"offpeakd {found['version']}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_of_the_shell(offpeakd: Command, shell: str) -> None:
    assert "_OFFPEAKD_COMPLETE" in offpeakd("completion", shell).out


def test_completion_knows_commands_and_their_options(tmp_path: Path) -> None:
    def completed(words: str, cword: str) -> str:
        return python(
            "-m",
            "offpeakd",
            folder=tmp_path,
            _OFFPEAKD_COMPLETE="bash_complete",
            COMP_WORDS=words,
            COMP_CWORD=cword,
        ).stdout

    assert completed("offpeakd wi", "1") == "plain,windows\n"
    assert "plain,--priority\n" in completed("offpeakd add --pr", "2")
