"""Programs under measurement: started in a group of their own, their processor time read."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[2]
_TICK = os.sysconf("SC_CLK_TCK")
_CALM_SECONDS = 15


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Byte code is kept, as in any installation, and nothing of ours is configured from outside."""
    kept = {
        name: text
        for name, text in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE" and not name.startswith("OFFPEAKD_")
    }
    return {**kept, **(more or {})}


@dataclass
class Program:
    """A running program with everything it started."""

    child: "subprocess.Popen[bytes]"

    def processor_seconds(self) -> float:
        """Of the program and of everything that it started, user and system."""
        ticks = 0
        for entry in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = entry.read_text().rsplit(")", 1)[1].split()
            except OSError:  # ended between the two looks
                continue
            if int(fields[2]) == self.child.pid:
                ticks += sum(map(int, fields[11:15]))
        return ticks / _TICK

    def memory(self) -> tuple[float, float]:
        """Megabytes of it that are resident now, and that were at the most."""
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        facts = dict(line.split(":", 1) for line in status.splitlines())
        return tuple(int(facts[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))  # type: ignore[return-value]  # two names, two numbers

    def end(self) -> None:
        """Ask it to stop, then make it."""
        for number, patience in ((signal.SIGTERM, _CALM_SECONDS), (signal.SIGKILL, 5)):
            try:
                os.killpg(self.child.pid, number)
            except ProcessLookupError:
                break
            try:
                self.child.wait(patience)
            except subprocess.TimeoutExpired:
                continue
        self.child.wait(5)


@contextmanager
def program(
    command: Sequence[str],
    folder: Path,
    more: Mapping[str, str] | None = None,
) -> Iterator[Program]:
    """Run a command in a folder; what it says goes to `said` there."""
    with (folder / "said").open("ab") as said:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment({"PYTHONPATH": _path(), **(more or {})}),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    running = Program(child)
    try:
        yield running
    finally:
        running.end()


def _path() -> str:
    """Where the benchmarks stand, and before it whatever stood there already."""
    given = os.environ.get("PYTHONPATH")
    return f"{given}{os.pathsep}{TOP}" if given else str(TOP)


@dataclass(frozen=True)
class Stub:
    """The cloud that answers at once, as its own process."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reset(self, latency: float = 0.0) -> None:
        self._ask(f"reset?latency={latency}")

    def stats(self) -> dict[str, Any]:
        return self._ask("stats")

    def wait_for(self, what: str, number: int) -> dict[str, Any]:
        """Until so many `calls` of any kind came in, or so many `items` were upgraded."""
        return self._ask(f"await?{what}={number}")

    def _ask(self, name: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=150)
        try:
            connection.request("GET", f"/-/{name}")
            found: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return found


@contextmanager
def a_stub(instances: int) -> Iterator[Stub]:
    """A cloud whose projects have so many instances each."""
    child = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bed.stub", str(instances)],
        cwd=TOP,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    try:
        yield Stub(int(child.stdout.readline()))
    finally:
        child.terminate()
        child.wait(5)
        child.stdout.close()
