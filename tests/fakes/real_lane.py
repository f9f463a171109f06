"""One target's lane as the daemon has it: real store, real HTTP, the machine's clock."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from typing_extensions import override

from fakes.builders import a_calendar, always
from fakes.set_clock import SetClock
from offpeakd import app
from offpeakd.adapters.huaweicloud.address import Address
from offpeakd.adapters.huaweicloud.client import DdsCloud
from offpeakd.adapters.huaweicloud.credentials.authorizing import Credentials
from offpeakd.adapters.huaweicloud.credentials.opening import open_credentials
from offpeakd.adapters.huaweicloud.credentials.references import EnvironmentKeys
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.core.lane import Stop
from offpeakd.core.model import LIVE, Request
from offpeakd.core.policy import Policy
from offpeakd.core.verdicts import Verdict
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.ports import Clock, Filter, SignedCall
from offpeakd.service.follow_up import FollowUp
from offpeakd.service.inventory import Inventory
from offpeakd.service.reconcile import Reconcile
from offpeakd.service.recover import Recover
from offpeakd.service.release import Pass, Release
from offpeakd.service.rules import CurrentRules, Rules


class WatchedCloud(DdsCloud):
    """Tells when a call has been signed: every look lies behind, the sending ahead.

    Attributes:
        on_signed: called then.
    """

    def __init__(
        self,
        address: Address,
        credentials: Credentials,
        clock: Clock,
        wait: Callable[[timedelta], bool] | None = None,
    ) -> None:
        super().__init__(address, credentials, clock, wait)
        self.on_signed: Callable[[], None] = lambda: None

    @override
    def sign_upgrade(self, instance_ids: Any) -> SignedCall:
        call = super().sign_upgrade(instance_ids)
        self.on_signed()
        return call


@dataclass
class Lane:
    """A lane, and what it stands on.

    Attributes:
        target: its name.
        clock: of everything in it.
        store: of it.
        cloud: the adapter.
        release: what sends.
        follow_up: what asks after jobs.
        reconcile: what finds out about unknown attempts.
        recover: what a new run does first.
        rules: the configuration in force.
        stopping: as the daemon sets it.
        holds: as the daemon has them.
        url: of the database.
    """

    target: str
    clock: Clock
    store: SqlStore
    cloud: WatchedCloud
    release: Release
    follow_up: FollowUp
    reconcile: Reconcile
    recover: Recover
    rules: CurrentRules
    stopping: threading.Event
    holds: list[Verdict]
    url: str

    def ask(self, *instance_ids: str) -> None:
        """Queue a request for each."""
        now = self.clock.now()
        self.store.add([Request(self.target, one, now) for one in instance_ids], "test")

    def run_once(self) -> Pass:
        """Make one pass."""
        return self.release.run_once()

    def release_all(self) -> None:
        """Pass after pass, as the daemon does, until nothing more is sent."""
        try:
            while self.release.run_once(goes_on=True).sent:
                pass
        finally:
            self.release.answers.store_last()

    def work(self) -> bool:
        """One turn of everything; whether all is final after it."""
        self.reconcile.run_once()
        self.release.run_once()
        self.follow_up.run_once()
        return not any(one.state in LIVE for one in self.requests().values())

    def requests(self) -> dict[str, Request]:
        """Every request, by instance."""
        return {one.instance_id: one for one in self.store.page(Filter(), 0, 1000)}

    def stops(self) -> tuple[Stop, ...]:
        """What keeps the target from releasing."""
        return self.store.stops()


@contextmanager
def a_lane(
    url: str,
    cloud_has: EmulatorSettings,
    endpoint: str,
    policy: Policy | None = None,
    clock: SetClock | None = None,
    target: str = "prod",
    **address: Any,
) -> Iterator[Lane]:
    """A lane whose window never closes.

    Args:
        url: of a database with our schema.
        cloud_has: the project and the key.
        endpoint: where it finds the cloud.
        policy: its limits and patience.
        clock: one that stands until moved; the machine's unless told.
        target: its name.
        **address: other facts of the target's address.
    """
    at = clock or app.system_clock()
    given = cloud_has
    patience = {"connect_timeout": timedelta(seconds=2), "read_timeout": timedelta(seconds=2)}
    place = Address(target, given.region, given.project_id, endpoint, endpoint, 600)
    place = replace(place, **{**patience, **address})
    keys = {"HUAWEICLOUD_SDK_AK": given.access_key, "HUAWEICLOUD_SDK_SK": given.secret_key}
    owner = uuid4().hex
    store = SqlStore(url, owner)
    cloud = WatchedCloud(
        place,
        open_credentials(EnvironmentKeys(), place, at, keys),
        at,
        clock.wait if clock else None,
    )
    calendar = a_calendar(always())
    rules = CurrentRules(Rules(calendar, policy or Policy(), {target: 30}, "c", "z"))
    stopping = threading.Event()
    holds: list[Verdict] = []
    release = Release(
        target,
        owner,
        store,
        cloud,
        Inventory(target, cloud, store, at),
        at,
        rules,
        lambda: tuple(holds),
        stopping,
    )
    follow_up = FollowUp(target, store, cloud, at, rules)
    reconcile = Reconcile(target, store, cloud, at, rules)
    recover = Recover(owner, store, at)
    try:
        yield Lane(
            target,
            at,
            store,
            cloud,
            release,
            follow_up,
            reconcile,
            recover,
            rules,
            stopping,
            holds,
            url,
        )
    finally:
        cloud.close()
        store.close()
