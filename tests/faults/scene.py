"""A lane in front of a pretended cloud, both on a clock that stands until it is moved."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from fakes.fault_proxy import FaultProxy
from fakes.real_lane import Lane, a_lane
from fakes.set_clock import SetClock
from offpeakd.adapters.sql.schema import ensure
from offpeakd.core.model import Request, State
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.faults import Faults
from offpeakd.emulator.fleet import ORDINARY
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.emulator.rules import Rule

TURN = timedelta(seconds=30)


@dataclass
class Scene:
    """What a scenario plays with: limits and patience are the defaults of the configuration.

    Attributes:
        clock: of the lane and of the cloud.
        cloud: the pretended cloud.
        proxy: through which the lane reaches it.
        lane: real services, real store, real HTTP.
        ids: instances with a request, in order.
    """

    clock: SetClock
    cloud: Emulator
    proxy: FaultProxy
    lane: Lane
    ids: tuple[str, ...]

    @property
    def calls(self) -> int:
        """Upgrade calls that the cloud saw."""
        return len(self.cloud.world.calls)

    @property
    def started_twice(self) -> bool:
        """Whether the cloud started anything a second time."""
        return max(self.cloud.world.starts.values(), default=0) > 1

    def requests(self) -> tuple[Request, ...]:
        """Of the instances, in order."""
        stored = self.lane.requests()
        return tuple(stored[one] for one in self.ids)

    def states(self) -> set[State]:
        """Where they stand."""
        return {one.state for one in self.requests()}

    def job_ids(self) -> dict[str, str | None]:
        """What the database has, by instance."""
        return {one.instance_id: one.job_id for one in self.requests()}

    def jobs(self) -> dict[str, str]:
        """What the cloud has, by instance."""
        return {job.instance_id: job.id for job in self.cloud.world.jobs}

    def live(self, span: timedelta, turn: timedelta = TURN) -> None:
        """Let time pass, with a turn of everything each time."""
        for _ in range(span // turn):
            self.clock.advance(turn)
            self.lane.work()

    def live_until(self, reached: Callable[[], bool], most: timedelta = timedelta(hours=3)) -> None:
        """Let time pass until something is so."""
        passed = timedelta(0)
        while not reached():
            assert passed < most, self.requests()
            self.live(TURN)
            passed += TURN


@contextmanager
def a_scene(folder: Path, *rules: Rule, instances: int = 2, **settings: Any) -> Iterator[Scene]:
    """A lane with a request for each instance of the cloud.

    Args:
        folder: for the database.
        *rules: the cloud's faults.
        instances: how many there are.
        **settings: others of the cloud.
    """
    clock = SetClock()
    usual: dict[str, Any] = {
        "mix": ORDINARY,
        "job_duration": timedelta(minutes=10),
        "job_visible_after": timedelta(seconds=5),
        "permissive": True,
    }
    given = {**usual, **settings}
    cloud_settings = EmulatorSettings(instances=instances, faults=Faults(rules), **given)
    url = f"sqlite:///{folder}/offpeakd.db"
    ensure(url)
    with (
        Emulator(cloud_settings, clock) as cloud,
        FaultProxy(cloud.url) as proxy,
        a_lane(
            url,
            cloud_settings,
            proxy.url,
            clock=clock,
            read_timeout=timedelta(milliseconds=300),
        ) as lane,
    ):
        ids = tuple(sorted(cloud.world.instances))
        lane.ask(*ids)
        yield Scene(clock, cloud, proxy, lane, ids)
