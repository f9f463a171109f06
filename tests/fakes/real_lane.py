"""One target's lane as the daemon has it: real store, real HTTP, the machine's clock."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from typing_extensions import override

from fakes.builders import a_calendar, always
from offpeakd import app
from offpeakd.adapters.huaweicloud.address import Address
from offpeakd.adapters.huaweicloud.client import DdsCloud
from offpeakd.adapters.huaweicloud.credentials.authorizing import Credentials
from offpeakd.adapters.huaweicloud.credentials.opening import open_credentials
from offpeakd.adapters.huaweicloud.credentials.references import EnvironmentKeys
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.core.model import Policy, Request, Stop
from offpeakd.core.verdicts import Verdict
from offpeakd.emulator.emulator import Emulator
from offpeakd.ports import Clock, Filter, SignedCall
from offpeakd.service.inventory import Inventory
from offpeakd.service.release import Pass, Release
from offpeakd.service.rules import CurrentRules, Rules

OWNER = "this-run"


class WatchedCloud(DdsCloud):
    """Tells when a call has been signed: every look lies behind, the sending ahead.

    Attributes:
        on_signed: called then.
    """

    def __init__(self, address: Address, credentials: Credentials, clock: Clock) -> None:
        super().__init__(address, credentials, clock)
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
        store: of it.
        cloud: the adapter.
        release: what sends.
        stopping: as the daemon sets it.
        holds: as the daemon has them.
        url: of the database.
    """

    store: SqlStore
    cloud: WatchedCloud
    release: Release
    stopping: threading.Event
    holds: list[Verdict]
    url: str

    def ask(self, *instance_ids: str) -> None:
        """Queue a request for each."""
        now = app.system_clock().now()
        self.store.add([Request("prod", one, now) for one in instance_ids], "test")

    def run_once(self) -> Pass:
        """Make one pass."""
        return self.release.run_once()

    def requests(self) -> dict[str, Request]:
        """Every request, by instance."""
        return {one.instance_id: one for one in self.store.page(Filter(), 0, 1000)}

    def stops(self) -> tuple[Stop, ...]:
        """What keeps the target from releasing."""
        return self.store.stops()


@contextmanager
def a_lane(
    url: str, emulator: Emulator, endpoint: str | None = None, **address: Any
) -> Iterator[Lane]:
    """A lane whose window never closes.

    Args:
        url: of a database with our schema.
        emulator: whose project and key it has.
        endpoint: where it finds the cloud; the emulator itself unless told.
        **address: other facts of the target's address.
    """
    clock = app.system_clock()
    given = emulator.settings
    at = endpoint or emulator.url
    patience = {"connect_timeout": timedelta(seconds=2), "read_timeout": timedelta(seconds=2)}
    place = Address("prod", given.region, given.project_id, at, at, 600)
    place = replace(place, **{**patience, **address})
    keys = {"HUAWEICLOUD_SDK_AK": given.access_key, "HUAWEICLOUD_SDK_SK": given.secret_key}
    store = SqlStore(url, OWNER)
    cloud = WatchedCloud(place, open_credentials(EnvironmentKeys(), place, clock, keys), clock)
    rules = CurrentRules(Rules(a_calendar(always()), Policy(), {"prod": 30}, "c", "z"))
    stopping = threading.Event()
    holds: list[Verdict] = []
    release = Release(
        "prod",
        OWNER,
        store,
        cloud,
        Inventory("prod", cloud, store, clock),
        clock,
        rules,
        lambda: tuple(holds),
        stopping,
    )
    try:
        yield Lane(store, cloud, release, stopping, holds, url)
    finally:
        cloud.close()
        store.close()
