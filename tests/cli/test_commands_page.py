"""The page of commands shows what the commands really print."""

import re
import shlex
from pathlib import Path

from cli.conftest import Command
from offpeakd.cli.main import ENTRIES

PAGE = Path(__file__).parents[2] / "docs" / "usage" / "commands.md"


def run_block(block: str, offpeakd: Command) -> str:
    """The block with each command followed by what it prints, stderr after stdout."""
    lines = []
    for line in block.splitlines():
        if line.startswith("$ offpeakd "):
            ended = offpeakd(*shlex.split(line.removeprefix("$ offpeakd ")))
            lines += [line, *ended.out.splitlines(), *ended.err.splitlines()]
    return "\n".join(lines) + "\n"


def test_every_output_on_the_page_is_what_the_command_prints(offpeakd: Command) -> None:
    text = PAGE.read_text(encoding="utf-8")

    ran = re.sub(
        r"(?<=```console\n).*?(?=```)",
        lambda block: run_block(block[0], offpeakd),
        text,
        flags=re.DOTALL,
    )

    assert ran.count("$ offpeakd ") > 15
    assert ran == text


def test_the_page_names_every_command_that_has_no_page_of_its_own() -> None:
    text = PAGE.read_text(encoding="utf-8")
    elsewhere = {"run", "demo", "emulate", "config"}

    missing = [
        entry.name
        for entry in ENTRIES
        if f"{entry.name}" not in text and entry.name not in elsewhere
    ]

    assert missing == []
