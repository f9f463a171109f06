"""A program that does one piece of work at a time, each in a process and one thread of its own.

Each write so has its place in a count. Whoever drives it says what to do, in one line; is told
the number of a process that waits; says `go` once ready, is told the number again as the work
begins, and then how that process ended.
"""

import ctypes
import importlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from fakes.real_lane import a_lane
from offpeakd import app
from offpeakd.adapters.sql.schema import upgrade
from offpeakd.cli.main import main as command
from offpeakd.core.policy import Policy
from offpeakd.emulator.options import EmulatorSettings

_SET_PTRACER: Final = 0x59616D61
"""PR_SET_PTRACER (prctl(2)): where only ancestors may trace, say that everybody may."""
_ANYBODY: Final = -1


def main() -> None:
    """Serve until the input ends."""
    for name in LOADED:
        importlib.import_module(f"offpeakd.{name}")
    while words := _line().split():
        child = os.fork()
        if child == 0:
            ctypes.CDLL(None).prctl(_SET_PTRACER, ctypes.c_long(_ANYBODY), 0, 0, 0)
            _say(os.getpid())
            _line()
            # Until here it must not be killed: the next process would take its `go`.
            _say(os.getpid())
            PIECES[words[0]](*words[1:])
            os._exit(0)
        _, status = os.waitpid(child, 0)
        _say(os.waitstatus_to_exitcode(status))


def _release(url: str, endpoint: str) -> None:
    # Two calls, so that what came of the first is stored together with the claim of the second.
    with a_lane(url, EmulatorSettings(), endpoint, Policy(batch_size=2)) as lane:
        lane.recover.run_once()
        lane.release_all()
        lane.follow_up.run_once()


def _upgrade(url: str) -> None:
    upgrade(url, app.system_clock().now())


def _run(config: str, log: str) -> None:
    """`offpeakd run`, from its first argument on; the program itself is loaded already."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.chdir(Path(config).parent)
    sys.exit(command(["--config", config, "run"]))


PIECES: Final[Mapping[str, Callable[..., None]]] = {
    "release": _release,
    "run": _run,
    "upgrade": _upgrade,
}
LOADED: Final = ("cli.run", "daemon", "adapters.logs", "adapters.systemd", "settings.load")
"""Modules that the daemon imports only when it needs them; a fork has them at once."""


def _line() -> str:
    """A line, without reading ahead: what follows may be for the other process."""
    line = b""
    while not line.endswith(b"\n"):
        letter = os.read(0, 1)
        if not letter:
            return ""
        line += letter
    return line.decode()


def _say(number: int) -> None:
    os.write(1, f"{number}\n".encode())


if __name__ == "__main__":
    sys.stdout = sys.stderr
    main()
