"""Daemons that share one PostgreSQL, what befalls them, and what must hold afterwards."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final, Self

from fakes.installation import patiently
from offpeakd import app
from offpeakd.core.errors import DatabaseError
from offpeakd.core.model import Request, State
from offpeakd.emulator.cloud_model import UpgradeCall
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.fleet import Mix
from offpeakd.emulator.options import (
    EMULATED_ACCESS_KEY,
    EMULATED_SECRET_KEY,
    EmulatorSettings,
)
from offpeakd.ports import Filter, Store

CLOSED_FOR: Final = timedelta(seconds=2)
OPEN_FOR: Final = timedelta(seconds=6)
LEASE: Final = timedelta(seconds=3)
_PAGE: Final = 5000
_THAW: Final = timedelta(seconds=1)
_FINAL: Final = frozenset({State.SUCCEEDED, State.FAILED})
_SOUND: Final = Mix(busy=0, frozen=0, abnormal=0, single=0, current=0, failing=0.02)


def _more(targets: int) -> str:
    # In milliseconds: where there are many targets, to look at each takes all there is.
    pace = max(500, 200 * targets)
    return f"""\
release: {{poll: {min(pace, 1000)}ms, guard: 1s}}
follow_up: {{every: {pace}ms}}
reconcile: {{fence: 5s, every: {pace}ms, looks: 3}}
retry: {{first: 500ms, most: 1s, attempts: 100}}
lease: {{ttl: {LEASE.total_seconds():.0f}s}}
log: {{format: json}}
"""


@dataclass
class Replicas:
    """Targets, one database, and any number of daemons.

    Attributes:
        folder: for configuration, keys and logs.
        clouds: the pretended cloud of each target.
        url: of the database, as the test reaches it.
        closed: spans in which nothing may be released.
        in_flight: upgrades at once, in each target.
        calls_a_minute: calls, in each target.
    """

    folder: Path
    clouds: Mapping[str, Emulator]
    url: str
    closed: tuple[tuple[datetime, datetime], ...] = ()
    in_flight: int = 500
    calls_a_minute: int = 10_000
    wanted: set[str] = field(default_factory=set, init=False)
    thaws: list[datetime] = field(default_factory=list, init=False)
    _stack: ExitStack = field(default_factory=ExitStack, init=False)
    _started: int = field(default=0, init=False)

    def __enter__(self) -> Self:
        keys = (("key.ak", EMULATED_ACCESS_KEY), ("key.sk", EMULATED_SECRET_KEY))
        for name, text in keys:
            path = self.folder / name
            path.write_text(f"{text}\n")
            path.chmod(0o600)
        config = self.configuration("own", self.url)
        loaded = app.load_settings(config, {}, self.folder)
        self.store: Store = app.open_store(loaded, {})
        self._stack.callback(self.store.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # ------------------------------------------------------------------ daemons

    def configuration(self, name: str, url: str) -> Path:
        """Write a configuration that reaches the database at `url`."""
        targets = "".join(
            f"  {target}:\n"
            "    region: eu-west-101\n"
            f"    project_id: {cloud.settings.project_id}\n"
            f"    endpoint: {cloud.url}\n"
            "    credentials:"
            " {type: access_key, access_key_file: key.ak, secret_key_file: key.sk}\n"
            f"    requests_per_minute: {self.calls_a_minute}\n"
            f"    in_flight: {self.in_flight}\n"
            for target, cloud in self.clouds.items()
        )
        freezes = ", ".join(
            f"{{name: f{turn}, from: {start:%Y-%m-%dT%H:%M:%S}, to: {end:%Y-%m-%dT%H:%M:%S}}}"
            for turn, (start, end) in enumerate(self.closed)
        )
        path = self.folder / f"{name}.yaml"
        path.write_text(
            f"timezone: UTC\ntargets:\n{targets}database: {{url: '{url}', allow_plain: true}}\n"
            f"windows: {{always: {{always: true}}}}\nfreezes: [{freezes}]\n{_more(len(self.clouds))}"
        )
        return path

    def start(
        self,
        *arguments: str,
        url: str = "",
        environ: Mapping[str, str] | None = None,
    ) -> "subprocess.Popen[str]":
        """Start one more daemon.

        Args:
            *arguments: options of `run`.
            url: how it reaches the database; as the test does unless told.
            environ: more variables of its environment.
        """
        self._started += 1
        config = self.configuration(f"daemon-{self._started}", url or self.url)
        # What is killed leaves no coverage, and starts sooner without counting it.
        plain = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
        with config.with_suffix(".log").open("a") as log:
            daemon = subprocess.Popen(
                [sys.executable, "-m", "offpeakd", "--config", str(config), "run", *arguments],
                stderr=log,
                stdout=subprocess.DEVNULL,
                text=True,
                cwd=self.folder,
                env={**plain, **(environ or {})},
            )
        self._stack.callback(_end, daemon)
        return daemon

    def logs(self) -> str:
        """What all of them logged."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("daemon-*.log")))

    def freeze(self, daemon: "subprocess.Popen[str]", seconds: float) -> None:
        """Stop it in the middle of whatever it does, and let it go on later."""
        daemon.send_signal(signal.SIGSTOP)
        threading.Event().wait(seconds)
        self.thaws.append(app.system_clock().now())
        daemon.send_signal(signal.SIGCONT)

    # ------------------------------------------------------------------ the queue

    def add(self, number: int, *targets: str) -> None:
        """Ask for so many more instances of each target, or of some."""
        now = app.system_clock().now()
        wishes: list[Request] = []
        for target in targets or tuple(self.clouds):
            cloud = self.clouds[target]
            fresh = sorted(set(cloud.world.instances) - self.wanted)[:number]
            assert len(fresh) == number, "the pretended cloud is too small"
            self.wanted |= set(fresh)
            wishes += [Request(target, instance_id, now) for instance_id in fresh]
        self.store.add(wishes, "test")

    def calls(self) -> tuple[UpgradeCall, ...]:
        """Every upgrade call that reached a cloud."""
        return tuple(call for cloud in self.clouds.values() for call in cloud.world.calls)

    def wait_for_calls(self, number: int, seconds: float = 30) -> bool:
        """Wait until so many more calls have reached the clouds."""
        seen = len(self.calls())
        return patiently(lambda: len(self.calls()) >= seen + number, seconds)

    def requests(self, *states: State) -> tuple[Request, ...]:
        """Every stored request, of some states or all."""
        found: list[Request] = []
        after = 0
        while page := self.store.page(Filter(states=frozenset(states)), after, _PAGE):
            found.extend(page)
            after = page[-1].id
        return tuple(found)

    def finish(self, seconds: float = 90) -> bool:
        """Wait until everything is final; False when it never gets there."""
        return patiently(self._is_over, seconds)

    def wait_for_progress(self, seconds: float = 10) -> bool:
        """Wait until something that was queued is not queued any more."""
        before = self._queued()

        def further() -> bool:
            now = self._queued()
            return before is not None and now is not None and now < before

        return patiently(further, seconds)

    def _queued(self) -> int | None:
        """None while the server can't be asked, which it may not be after a crash."""
        try:
            counts = self.store.counts()
        except DatabaseError:
            return None
        return sum(number for (_, state), number in counts.items() if state is State.QUEUED)

    def _is_over(self) -> bool:
        left = {state for (_, state), number in self.store.counts().items() if number} - _FINAL
        if left == {State.NEEDS_REVIEW}:
            self._review()
        return not left

    def _review(self) -> None:
        """What a person would do: look at the cloud, and say what it shows."""
        for request in self.requests(State.NEEDS_REVIEW):
            word = (
                "started"
                if self.clouds[request.target].starts(request.instance_id)
                else "not-started"
            )
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "offpeakd", "--config", str(self.folder / "own.yaml")),
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
        worlds = [cloud.world for cloud in self.clouds.values()]
        starts = Counter[str]()
        for world in worlds:
            starts.update(world.starts)
        requests = {one.instance_id: one for one in self.requests()}
        assert set(requests) == self.wanted, "a request is lost"
        assert {one.state for one in requests.values()} <= _FINAL, "something is left over"
        assert {one: count for one, count in starts.items() if count > 1} == {}
        assert set(starts) == self.wanted, "not every upgrade was started"
        for job in (job for world in worlds for job in world.jobs):
            assert requests[job.instance_id].job_id == job.id, "a job id is lost"
        assert [call for call in self.calls() if len(set(call.instance_ids)) > 10] == []
        assert list(self.outside(self.calls())) == [], "a call went out in a freeze"
        counted = Counter((one.target, one.state) for one in requests.values())
        assert self.store.counts() == counted

    def outside(self, calls: Sequence[UpgradeCall]) -> Iterator[UpgradeCall]:
        """Calls in a span in which nothing may be released.

        What was frozen in the microseconds between the gate and the first byte goes out when it
        thaws; nobody can prevent that from here, so it is not counted.
        """
        for call in calls:
            thawed = any(thaw <= call.at <= thaw + _THAW for thaw in self.thaws)
            if not thawed and any(start <= call.at < end for start, end in self.closed):
                yield call


@contextmanager
def replicas(
    folder: Path,
    url: str,
    targets: int,
    instances: int,
    *,
    freezing: bool = True,
    in_flight: int = 500,
    calls_a_minute: int = 10_000,
) -> Iterator[Replicas]:
    """Pretended clouds that would start a second upgrade, a target each.

    Args:
        folder: for files.
        url: of the database.
        targets: how many.
        instances: how many in each.
        freezing: whether a freeze of two seconds comes every few seconds.
        in_flight: upgrades at once, in each target.
        calls_a_minute: calls, in each target.
    """
    clock = app.system_clock()
    closed = _closed(clock.now()) if freezing else ()
    with ExitStack() as stack:
        clouds = {
            f"t{number:02}": stack.enter_context(Emulator(_cloud(instances, number), clock))
            for number in range(targets)
        }
        yield stack.enter_context(Replicas(folder, clouds, url, closed, in_flight, calls_a_minute))


def _cloud(instances: int, seed: int) -> EmulatorSettings:
    return EmulatorSettings(
        instances=instances,
        seed=seed,
        mix=_SOUND,
        job_duration=timedelta(milliseconds=200),
        job_duration_most=timedelta(milliseconds=800),
        job_visible_after=timedelta(milliseconds=200),
        permissive=True,
    )


def misfortune(
    site: Replicas,
    random: Random,
    daemons: int,
    times: int,
    strike: Callable[[], None] | None = None,
) -> None:
    """Kill a daemon and start another, or freeze it for longer than its lease, so many times.

    Args:
        site: where.
        random: what happens to whom.
        daemons: how many there are.
        times: how often something happens.
        strike: now and then this happens instead, such as a crash of the server.
    """
    alive = [site.start() for _ in range(daemons)]
    for _ in range(times):
        site.wait_for_progress()
        threading.Event().wait(random.uniform(0, 1))
        if strike is not None and random.random() < 0.2:
            strike()
            continue
        victim = alive.pop(random.randrange(len(alive)))
        if random.random() < 0.5:
            victim.kill()
            victim.wait(30)
            alive.append(site.start())
        else:
            site.freeze(victim, LEASE.total_seconds() * random.uniform(1.1, 1.6))
            alive.append(victim)


def _closed(now: datetime) -> tuple[tuple[datetime, datetime], ...]:
    first = now.replace(microsecond=0) + OPEN_FOR
    starts = (first + turn * (OPEN_FOR + CLOSED_FOR) for turn in range(150))
    return tuple((start, start + CLOSED_FOR) for start in starts)


def _end(daemon: "subprocess.Popen[str]") -> None:
    if daemon.poll() is None:
        daemon.send_signal(signal.SIGCONT)
        daemon.kill()
    daemon.wait(timeout=10)
