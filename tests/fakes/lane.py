"""One target's lane in this process: the real services and client, any store, an emulator.

Time is the test's: `later` moves it for services and emulator alike.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from fakes.builders import a_calendar, always
from fakes.memory_store import MemoryStore
from fakes.set_clock import SetClock
from offpeakd.adapters.huaweicloud.address import Address
from offpeakd.adapters.huaweicloud.client import DdsCloud
from offpeakd.adapters.huaweicloud.credentials.opening import open_credentials
from offpeakd.adapters.huaweicloud.credentials.references import EnvironmentKeys
from offpeakd.core.change import Change
from offpeakd.core.model import Request, State
from offpeakd.core.policy import Policy
from offpeakd.core.tally import Tally
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.faults import Faults
from offpeakd.emulator.fleet import ORDINARY
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.emulator.rules import Rule
from offpeakd.ports import Filter, Store
from offpeakd.service.follow_up import FollowUp
from offpeakd.service.inventory import Inventory
from offpeakd.service.reconcile import Reconcile, Reconciled
from offpeakd.service.release import Pass, Release
from offpeakd.service.rules import CurrentRules, Rules

POLICY = Policy()


@dataclass
class Lane:
    """What one target needs.

    Attributes:
        cloud: the emulator.
        store: of any kind.
        clock: the test's, of the services and of the emulator.
    """

    cloud: Emulator
    store: Store
    clock: SetClock
    rules: CurrentRules = field(
        default_factory=lambda: CurrentRules(
            Rules(a_calendar(always()), POLICY, {"prod": 30}, "c", "z")
        )
    )

    def __post_init__(self) -> None:
        given = self.cloud.settings
        address = Address(
            "prod",
            "eu-west-101",
            given.project_id,
            self.cloud.url,
            self.cloud.url,
            600,
            read_timeout=timedelta(seconds=1),
        )
        keys = {"HUAWEICLOUD_SDK_AK": given.access_key, "HUAWEICLOUD_SDK_SK": given.secret_key}
        credentials = open_credentials(EnvironmentKeys(), address, self.clock, keys)
        self.client = DdsCloud(address, credentials, self.clock, self.clock.wait)
        self.restart()

    def restart(self) -> None:
        """New services on the same store, as a new process has them."""
        inventory = Inventory("prod", self.client, self.store, self.clock)
        self.release = Release(
            "prod",
            "me",
            self.store,
            self.client,
            inventory,
            self.clock,
            self.rules,
            lambda: (),
            threading.Event(),
        )
        self.follow_up = FollowUp("prod", self.store, self.client, self.clock, self.rules)
        self.reconcile = Reconcile("prod", self.store, self.client, self.clock, self.rules)

    def add(self, number: int) -> tuple[Request, ...]:
        """Ask for the first instances of the fleet."""
        ids = sorted(self.cloud.world.instances)[:number]
        wishes = [Request("prod", one, self.clock.now()) for one in ids]
        return tuple(added.request for added in self.store.add(wishes, "test"))

    def faults(self, *rules: Rule) -> None:
        """What the cloud does wrong from now on."""
        self.cloud.use_faults(Faults(rules, seed=1))

    def change(self, instance_id: str, **facts: Any) -> None:
        """Let an instance of the cloud be otherwise."""
        self.cloud.put(replace(self.cloud.world.instances[instance_id], **facts))

    def decide(self, change: object) -> None:
        """Write what a person decided."""
        assert isinstance(change, Change), change
        assert self.store.apply([change]) == ()

    def the_one(self) -> Request:
        """The only request."""
        [request] = self.in_state()
        return request

    def later(self, span: timedelta) -> None:
        """Let time pass for everybody."""
        self.clock.advance(span)

    def send(self) -> Pass:
        """One pass of the release."""
        return self.release.run_once()

    def look(self) -> Reconciled:
        """One pass of reconcile."""
        return self.reconcile.run_once()

    def evidence(self, request_id: int = 1) -> Tally:
        """What looks have said of a request's last attempt."""
        return Tally.read(self.store.attempts(request_id)[-1].result.evidence)

    def events(self, request_id: int = 1) -> list[str]:
        """What happened to a request."""
        return [one.kind for one in self.store.events(request_id)]

    def looks(self, number: int) -> None:
        """Several passes, as far apart as the daemon makes them."""
        for _ in range(number):
            self.look()
            self.later(POLICY.reconcile_every)

    def in_state(self, *states: State) -> tuple[Request, ...]:
        """Stored requests of some states, or all."""
        return self.store.page(Filter(states=frozenset(states)), 0, 500)

    def states(self) -> list[str]:
        """The state of every request, in order."""
        return [one.state.value for one in self.in_state()]

    def job_ids(self) -> set[str]:
        """Jobs that the cloud started."""
        return {job.id for job in self.cloud.world.jobs}


@contextmanager
def a_lane(
    *rules: Rule,
    store: Callable[[], Store] = MemoryStore,
    job_duration: timedelta = timedelta(minutes=10),
    job_visible_after: timedelta = timedelta(0),
    instances: int = 12,
) -> Iterator[Lane]:
    """A lane in front of a cloud with these faults."""
    clock = SetClock()
    settings = EmulatorSettings(
        instances=instances,
        mix=ORDINARY,
        job_duration=job_duration,
        job_visible_after=job_visible_after,
        permissive=True,
        faults=Faults(rules, seed=1),
    )
    with Emulator(settings, clock) as cloud:
        lane = Lane(cloud, store(), clock)
        try:
            yield lane
        finally:
            lane.client.close()
