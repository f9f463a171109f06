"""One installation of offpeakd on disk: configuration, keys, database, and its real process."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from offpeakd import app
from offpeakd.core.model import Request, State
from offpeakd.emulator.emulator import Emulator
from offpeakd.ports import Filter, Store

ALWAYS = "windows: {always: {always: true}}"
SOON = timedelta(milliseconds=50)
SHOWN = 20_000
"""Characters of a log that are shown with a test that failed."""


def patiently(reached: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether something becomes so in time: looked at every few milliseconds, no longer than it takes."""
    waited = threading.Event()
    clock = app.system_clock()
    until = clock.boottime() + timedelta(seconds=seconds)
    while not reached():
        if clock.boottime() > until:
            return False
        waited.wait(SOON.total_seconds())
    return True


@dataclass
class Installation:
    """A folder with everything a daemon needs, pointing to an emulator.

    Attributes:
        folder: where it lies.
        cloud: the emulator.
        windows: YAML of windows and freezes.
        more: further YAML.
        database: address of the database; a SQLite file in the folder unless told.
        endpoint: where the daemon finds the cloud; the emulator itself unless told.
        in_flight: the target's limit of upgrades at once.
        calls_a_minute: the target's limit of calls.
    """

    folder: Path
    cloud: Emulator
    windows: str = ALWAYS
    more: str = ""
    access_key: str | None = None
    database: str | None = None
    endpoint: str | None = None
    in_flight: int = 500
    calls_a_minute: int = 600
    _stack: ExitStack = field(default_factory=ExitStack, init=False)

    def __enter__(self) -> Self:
        self.write_keys(self.access_key or self.cloud.settings.access_key)
        self.configure(self.windows)
        self.store = self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()
        if error is not None and (self.folder / "log").exists():
            # Shown with the failure: why the daemon did otherwise is told nowhere else.
            print(self.log()[-SHOWN:])

    @property
    def config(self) -> Path:
        return self.folder / "offpeakd.yaml"

    @property
    def file(self) -> Path:
        """SQLite's."""
        return self.folder / "offpeakd.db"

    @property
    def url(self) -> str:
        """The database's address."""
        return self.database or f"sqlite:///{self.file}"

    def configure(self, windows: str) -> None:
        """Write the configuration."""
        self.config.write_text(
            "timezone: UTC\n"
            "targets:\n"
            "  prod:\n"
            "    region: eu-west-101\n"
            f"    project_id: {self.cloud.settings.project_id}\n"
            f"    endpoint: {self.endpoint or self.cloud.url}\n"
            "    credentials: "
            "{type: access_key, access_key_file: prod.ak, secret_key_file: prod.sk}\n"
            f"    requests_per_minute: {self.calls_a_minute}\n"
            f"    in_flight: {self.in_flight}\n"
            f"database: {{url: '{self.url}'}}\n"
            "follow_up: {every: 300ms}\n"
            "log: {format: json}\n"
            f"{windows}\n{self.more}\n"
        )

    def write_keys(self, access_key: str) -> None:
        """Write the key files."""
        for name, text in (
            ("prod.ak", access_key),
            ("prod.sk", self.cloud.settings.secret_key),
        ):
            path = self.folder / name
            path.unlink(missing_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(f"{text}\n")

    def add(self, number: int, **facts: object) -> tuple[Request, ...]:
        """Ask for the first instances of the fleet."""
        now = datetime.now(UTC)  # noqa: TID251 - the test's own clock is the machine's
        wishes = [
            Request("prod", instance_id, now, **facts)  # type: ignore[arg-type]
            for instance_id in sorted(self.cloud.world.instances)[:number]
        ]
        return tuple(added.request for added in self.store.add(wishes, "test"))

    def requests(self, *states: State) -> tuple[Request, ...]:
        """Stored requests, of some states or all."""
        return self.store.page(Filter(states=frozenset(states)), 0, 5000)

    def calls(self) -> list[int]:
        """Sizes of the upgrade calls that reached the cloud."""
        return [len(call.instance_ids) for call in self.cloud.world.calls]

    def start(
        self, *arguments: str, under: Sequence[str] = (), counted: bool = True
    ) -> "subprocess.Popen[str]":
        """Start `offpeakd run` as a real process.

        Args:
            *arguments: options of `run`.
            under: a command that runs it, with its own options.
            counted: whether its coverage is measured; one that is killed leaves none, and
                starts sooner without.
        """
        run = [sys.executable, "-m", "offpeakd", "--config", str(self.config), "run", *arguments]
        environ = {
            name: text
            for name, text in os.environ.items()
            if counted or not name.startswith("COVERAGE_")
        }
        with (self.folder / "log").open("a") as log:
            process = subprocess.Popen(
                [*under, *run],
                stderr=log,
                stdout=subprocess.DEVNULL,
                text=True,
                cwd=self.folder,
                env=environ,
            )
        self._stack.callback(_end, process)
        return process

    def log(self) -> str:
        """What the processes logged."""
        return (self.folder / "log").read_text()

    def has_logged(self, text: str) -> bool:
        """Whether a line has been logged; waits for it."""
        return patiently(lambda: text in self.log())

    def _open(self) -> Store:
        loaded = app.load_settings(self.config, {}, self.folder)
        store = app.open_store(loaded, {})
        self._stack.callback(store.close)
        return store


def _end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
