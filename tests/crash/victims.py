"""Processes to be killed: at a chosen write to the disk, or by whoever holds them."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest

TESTS = Path(__file__).parent.parent

needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None,
    reason="strace is not installed: Debian's package strace has it",
)


class Victims:
    """Does pieces of work, one after the other, each in a process of its own that may die."""

    def __init__(self, folder: Path) -> None:
        """Start the program that makes them.

        Args:
            folder: for what it logs.
        """
        program = str(TESTS / "crash" / "victim.py")
        environ = {name: text for name, text in os.environ.items() if "COVERAGE" not in name}
        self._log = folder / "log"
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                bufsize=1,
                env=environ | {"PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent / 'src'}"},
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=10)

    def killed_at(self, sync: int, *piece: str) -> bool:
        """Do a piece of work until its n-th sync; False if it has fewer and is done."""
        pid = self._tell(" ".join(piece))
        strace = ["strace", "-f", "-p", pid, "-o", "/dev/null", "-e", "trace=fdatasync"]
        kill = ["-e", f"inject=fdatasync:signal=KILL:when={sync}"]
        with subprocess.Popen([*strace, *kill], stderr=subprocess.PIPE, text=True) as tracer:
            assert tracer.stderr is not None
            attached = tracer.stderr.readline()
            assert attached.strip().endswith("attached"), attached
            self._tell("go")
            ended = self.ended()
            tracer.communicate(timeout=10)
        assert ended in {0, -signal.SIGKILL}, self._log.read_text()
        return ended != 0

    def begin(self, *piece: str) -> int:
        """Begin a piece of work; returns its process's number."""
        self._tell(" ".join(piece))
        return int(self._tell("go"))

    def ended(self) -> int:
        """Wait for the end of what was begun; returns its exit code, or the signal's, negative."""
        return int(self._read())

    def _tell(self, line: str) -> str:
        self._write(line)
        return self._read()

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()
