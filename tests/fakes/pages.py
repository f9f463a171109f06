"""Runs the commands that a page shows and writes their output where the page has it."""

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from fakes.set_clock import SetClock
from offpeakd.cli.context import Invocation
from offpeakd.cli.main import main

TUESDAY = datetime(2026, 11, 24, 16, 48, tzinfo=UTC)
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


def run(command: str, folder: Path) -> str:
    """What a command of ours prints, both streams in order, on a Tuesday afternoon."""
    words = shlex.split(command)[1:]
    surroundings = Invocation(environ={"SUDO_USER": "kim"}, cwd=folder, clock=SetClock(TUESDAY))
    shown = io.StringIO()
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(shown),
        contextlib.redirect_stderr(shown),
    ):
        main(words, surroundings)
    return shown.getvalue()


def ours(page: str) -> Iterator[re.Match[str]]:
    """The console blocks that show commands of offpeakd."""
    return (block for block in BLOCK.finditer(page) if "$ offpeakd " in block[1])


def with_real_output(page: str, folder: Path) -> str:
    """The page with the output of each of its commands as it is now.

    Args:
        page: Markdown; the commands of one page run one after the other.
        folder: where they run; has the configuration.
    """

    def rerun(block: re.Match[str]) -> str:
        if "$ offpeakd " not in block[1]:
            return block[0]
        commands = [line for line in block[1].splitlines() if line.startswith("$ ")]
        lines = [f"{command}\n{run(command[2:], folder).rstrip()}" for command in commands]
        return "```console\n" + "\n".join(lines) + "\n```"

    return BLOCK.sub(rerun, page)
