"""A target's services, on its cloud."""

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from offpeakd.app.configuration import TargetCloud, clouds_of, rules_of
from offpeakd.core.values import value
from offpeakd.ports import Clock, Store

if TYPE_CHECKING:
    from offpeakd.adapters.huaweicloud.refused_keys import RefusedKeys
    from offpeakd.lanes import TargetLane
    from offpeakd.service.holds import Vitals
    from offpeakd.service.progress import Progress
    from offpeakd.service.reconcile import Reconcile
    from offpeakd.service.rules import CurrentRules
    from offpeakd.settings.load import Loaded


@value
class LaneParts:
    """What the lanes of one daemon share."""

    owner: str
    store: Store
    clock: Clock
    rules: "CurrentRules"
    stopping: threading.Event
    environ: Mapping[str, str]
    vitals: "Vitals"
    keys: "RefusedKeys"
    progress: "Progress"

    def take_call(self, target: str, most: int) -> timedelta | None:
        """Count a read against what all daemons may ask; each is a step of its pass."""
        self.progress.step()
        return self.store.take_call(target, most)


def lane_of(of: TargetCloud, running: "TargetLane | None", parts: LaneParts) -> "TargetLane":
    """A target's services; those that run already where nothing about the target has changed."""
    from offpeakd.adapters.huaweicloud.client import DdsCloud
    from offpeakd.adapters.huaweicloud.credentials.opening import open_credentials
    from offpeakd.lanes import TargetLane
    from offpeakd.service.follow_up import FollowUp
    from offpeakd.service.holds import Holds
    from offpeakd.service.inventory import Inventory
    from offpeakd.service.reconcile import Reconcile
    from offpeakd.service.release import Release

    if running is not None and running.identity == of:
        return running
    address = of.address
    credentials = open_credentials(of.reference, address, parts.clock, parts.environ)
    cloud = DdsCloud(
        address,
        credentials,
        parts.clock,
        keys=parts.keys,
        shared=lambda most: parts.take_call(address.name, most),
    )
    inventory = Inventory(address.name, cloud, parts.store, parts.clock)
    holds = Holds(
        address.name, parts.vitals, parts.store, cloud, inventory, parts.clock, parts.rules
    )
    release = Release(
        address.name,
        parts.owner,
        parts.store,
        cloud,
        inventory,
        parts.clock,
        parts.rules,
        holds,
        parts.stopping,
    )
    holds.forgotten = release.strays.standing
    follow_up = FollowUp(address.name, parts.store, cloud, parts.clock, parts.rules)
    reconcile = Reconcile(address.name, parts.store, cloud, parts.clock, parts.rules)
    return TargetLane(address.name, of, release, follow_up, reconcile, holds, cloud.close)


@contextmanager
def reconciler(
    loaded: "Loaded", environ: Mapping[str, str], store: Store, clock: Clock, target: str
) -> "Generator[Reconcile]":
    """One target's reconciling, for a command.

    Args:
        loaded: the configuration.
        environ: for credentials.
        store: opened.
        clock: for when.
        target: its name in the configuration.

    Raises:
        CredentialsError: its key files are missing or unusable.
    """
    from offpeakd.adapters.huaweicloud.client import DdsCloud
    from offpeakd.adapters.huaweicloud.credentials.opening import open_credentials
    from offpeakd.service.reconcile import Reconcile
    from offpeakd.service.rules import CurrentRules

    of = next(one for one in clouds_of(loaded, environ) if one.target == target)
    credentials = open_credentials(of.reference, of.address, clock, environ)
    cloud = DdsCloud(
        of.address, credentials, clock, shared=lambda most: store.take_call(target, most)
    )
    try:
        yield Reconcile(target, store, cloud, clock, CurrentRules(rules_of(loaded)))
    finally:
        cloud.close()
