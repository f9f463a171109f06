"""A daemon that is killed and frozen over and over while it works; and what must hold after it."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from crash.victims import Victims
from fakes.installation import Installation, patiently
from offpeakd import app
from offpeakd.core.model import Request, State
from offpeakd.emulator.cloud_model import UpgradeCall
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.faults import Faults
from offpeakd.emulator.fleet import Mix
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.emulator.rules import Rule

CLOSED_FOR: Final = timedelta(seconds=2)
OPEN_FOR: Final = timedelta(seconds=6)
LATE: Final = timedelta(milliseconds=700)
A_LIFE: Final = 12
"""Requests that are added for each life of the daemon."""

FINAL: Final = frozenset({State.SUCCEEDED, State.FAILED})
_THAW: Final = timedelta(seconds=1)
_MIX: Final = Mix(busy=0, frozen=0, abnormal=0, single=0, current=0, failing=0.05)

LASTING: Final = (
    Rule(do="do-then-500", probability=0.04),
    Rule(do="do-then-504", probability=0.03),
    Rule(do="do-then-drop", probability=0.03),
    Rule(do="do-then-reset", probability=0.03),
    Rule(do="half-then-500", probability=0.03),
    Rule(do="504-then-do", probability=0.02, wait=LATE),
    Rule(do="do-then-delay", probability=0.06, wait=LATE),
    Rule(do="delay", probability=0.06, wait=LATE),
    Rule(do="answer-500", probability=0.02),
    Rule(do="drop-before", probability=0.02),
    Rule(do="empty-202", probability=0.03),
    Rule(do="missing-id", probability=0.04),
    Rule(do="job-invisible", probability=0.08, wait=timedelta(seconds=2)),
    Rule(do="answer-500", call="jobs", probability=0.04),
    Rule(do="reset", call="jobs", probability=0.02),
    Rule(do="cut", call="instances", probability=0.02),
)
"""Nearly every second upgrade call meets one."""

FAULTS: Final = (
    Rule(do="swallow", nth=3),
    Rule(do="swallow", nth=9),
    Rule(do="throttle", nth=6, retry_after=timedelta(seconds=1)),
    *LASTING,
)
"""A silent cloud is waited for, and one that throttles is left alone: only while there is time."""

MORE: Final = """\
release: {poll: 200ms, guard: 1s, batch_size: 5}
retry: {first: 500ms, most: 1s, attempts: 100}
reconcile: {fence: 5s, every: 500ms, looks: 3}
lease: {ttl: 4s}
"""


@dataclass
class Storm:
    """One installation under fire.

    Attributes:
        site: the installation.
        random: what happens when; from a seed.
        closed: spans in which nothing may be released.
        told: hears of each life, for people at a terminal.
    """

    site: Installation
    random: Random
    closed: tuple[tuple[datetime, datetime], ...]
    told: Callable[[int], None] = lambda _: None
    added: set[int] = field(default_factory=set, init=False)
    thaws: list[datetime] = field(default_factory=list, init=False)

    def rage(self, lives: int) -> None:
        """Let the daemon live and die so often."""
        long_freeze = self.random.randrange(lives)
        with Victims(self.site.folder) as victims:
            for life in range(lives):
                self.add()
                daemon = victims.begin("run", str(self.site.config), str(self.site.folder / "log"))
                self._let_live(daemon)
                if life == long_freeze:
                    self._freeze(daemon, 12.0)
                elif self.random.random() < 0.25:
                    self._freeze(daemon, self.random.uniform(0.1, 2.5))
                    self._wait(self.random.uniform(0, 0.2))
                with suppress(ProcessLookupError):
                    os.kill(daemon, signal.SIGKILL)
                ended = victims.ended()
                assert ended == -signal.SIGKILL, f"a daemon ended by itself, with {ended}"
                self.told(life + 1)

    def calm(self, seconds: float = 150) -> bool:
        """Leave a daemon alone until everything is final; False when it never gets there."""
        self.site.cloud.use_faults(Faults(LASTING))
        daemon = self.site.start()
        try:
            return patiently(self._over, seconds)
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(60)

    def add(self) -> None:
        """Ask for some more instances."""
        now = app.system_clock().now()
        fresh = sorted(self.site.cloud.world.instances)[len(self.added) :][:A_LIFE]
        wishes = [Request("prod", instance_id, now) for instance_id in fresh]
        self.added |= {one.request.id for one in self.site.store.add(wishes, "test")}

    # ------------------------------------------------------------------ what happens

    def _let_live(self, daemon: int) -> None:
        """Some die while they start, some in the middle of a call, some whenever."""
        fate = self.random.random()
        if fate < 0.2:
            self._wait(self.random.uniform(0, 0.5))
            return
        seen = len(self.site.cloud.world.calls)
        self.site.cloud.wait_until(
            lambda world: len(world.calls) > seen or not _lives(daemon), timedelta(seconds=20)
        )
        self._wait(self.random.uniform(0, 0.1 if fate < 0.7 else 0.6))

    def _freeze(self, daemon: int, seconds: float) -> None:
        with suppress(ProcessLookupError):
            os.kill(daemon, signal.SIGSTOP)
            self._wait(seconds)
            self.thaws.append(app.system_clock().now())
            os.kill(daemon, signal.SIGCONT)

    def _wait(self, seconds: float) -> None:
        threading.Event().wait(seconds)

    def _over(self) -> bool:
        waiting = self.site.requests(*(set(State) - FINAL))
        in_review = [one for one in waiting if one.state is State.NEEDS_REVIEW]
        if waiting and len(in_review) == len(waiting):
            self._review(in_review)
        return not waiting

    def _review(self, requests: list[Request]) -> None:
        """What a person would do: look at the cloud, and say what it shows."""
        for request in requests:
            started = self.site.cloud.starts(request.instance_id)
            word = "started" if started else "not-started"
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "offpeakd", "--config", str(self.site.config)),
                    *("resolve", str(request.id), "--as", word, "--reason", "seen in the console"),
                ],
                check=False,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr

    # ------------------------------------------------------------------ what must hold

    def check(self) -> None:
        """Count at the cloud, and hold the database to it."""
        world = self.site.cloud.world
        requests = {one.instance_id: one for one in self.site.requests()}
        assert {one.id for one in requests.values()} == self.added, "a request is lost"
        assert Counter(one.state for one in requests.values() if one.state not in FINAL) == {}
        doubles = {one: count for one, count in world.starts.items() if count > 1}
        assert doubles == {}, "an upgrade was started twice"
        assert set(world.starts) == set(requests), "not every upgrade was started"
        for job in world.jobs:
            request = requests[job.instance_id]
            assert request.job_id == job.id, f"the job of request {request.id} is lost"
            ended = State.SUCCEEDED if job.status == "Completed" else State.FAILED
            assert request.state is ended, (
                f"request {request.id} ended otherwise than the cloud says"
            )
        assert [call for call in world.calls if len(set(call.instance_ids)) > 10] == []
        assert list(self.outside(world.calls)) == [], "a call went out while the window was closed"
        loaded = app.load_settings(self.site.config, {}, self.site.folder)
        assert app.check_database(loaded, {}) == ()

    def outside(self, calls: tuple[UpgradeCall, ...]) -> Iterator[UpgradeCall]:
        """Calls that began while the window was closed.

        The gate stands before the first byte: what is frozen between the two, some microseconds,
        goes out when it thaws. Nobody can prevent that from here, so it is not counted.
        """
        for call in calls:
            thawed = any(thaw <= call.at <= thaw + _THAW for thaw in self.thaws)
            if not thawed and any(start <= call.at < end for start, end in self.closed):
                yield call


def _lives(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


@contextmanager
def a_storm(folder: Path, seed: int, lives: int, database: str | None = None) -> Iterator[Storm]:
    """An installation whose window closes for a while every few seconds.

    Args:
        folder: for its files.
        seed: of everything that happens by chance.
        lives: how many lives of the daemon it has to last for.
        database: of its own; a SQLite file without.
    """
    clock = app.system_clock()
    settings = EmulatorSettings(
        instances=A_LIFE * (lives + 1),
        seed=seed,
        mix=_MIX,
        job_duration=timedelta(milliseconds=200),
        job_duration_most=timedelta(milliseconds=1500),
        job_visible_after=timedelta(milliseconds=300),
        permissive=True,
        faults=Faults(FAULTS, seed),
    )
    closed = _closed(clock.now(), lives)
    freezes = (
        f"{{name: f{turn}, from: {start:%Y-%m-%dT%H:%M:%S}, to: {end:%Y-%m-%dT%H:%M:%S}}}"
        for turn, (start, end) in enumerate(closed)
    )
    with (
        Emulator(settings, clock) as cloud,
        Installation(
            folder,
            cloud,
            windows=f"windows: {{always: {{always: true}}}}\nfreezes: [{', '.join(freezes)}]",
            more=MORE,
            database=database,
            calls_a_minute=10_000,
        ) as site,
    ):
        yield Storm(site, Random(seed), closed)


def _closed(now: datetime, lives: int) -> tuple[tuple[datetime, datetime], ...]:
    first = now.replace(microsecond=0) + OPEN_FOR
    starts = (first + turn * (OPEN_FOR + CLOSED_FOR) for turn in range(20 + lives))
    return tuple((start, start + CLOSED_FOR) for start in starts)
