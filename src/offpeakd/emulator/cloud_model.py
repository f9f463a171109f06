"""The things of the pretended cloud: instances with their nodes, jobs, calls. Plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from offpeakd.core.values import value

UPGRADE_ACTION: Final = "UPGRADE_DATABASE"
UPGRADE_JOB: Final = "UpgradeDatabaseVersion"
UPGRADING_NODE: Final = "upgrade_database"
MODES: Final = ("Sharding", "ReplicaSet", "Single")


@value
class Node:
    """One node of a group.

    Attributes:
        id: ends in `no02`.
        name: the cloud's name for it.
        role: `Primary`, `Secondary`, `Hidden`, `master` or `unknown`.
        private_ip: from the documentation range 192.0.2.0/24.
        availability_zone: where it stands.
        status: its own state; `upgrade_database` is shown on top of it while an upgrade runs.
    """

    id: str
    name: str
    role: str
    private_ip: str
    availability_zone: str
    status: str = "normal"


@value
class Group:
    """Nodes of one kind: `shard`, `config`, `mongos`, `replica` or `single`."""

    type: str
    nodes: tuple[Node, ...]
    id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DdsInstance:
    """One pretended instance.

    Attributes:
        id: 32 hex digits and `in02`.
        name: as its owner called it.
        mode: `Sharding`, `ReplicaSet` or `Single`.
        status: `normal`, `abnormal`, `frozen`, …
        actions: what runs on it now; a busy instance still says `normal`.
        version: such as `4.0`.
        whole_version: such as `4.0.3.5`.
        newest_version: what an upgrade makes of `whole_version`.
        patch_available: whether an upgrade would change anything.
        region: where it stands.
        vpc_id: of its network.
        subnet_id: of its network.
        created: when it was made.
        groups: its nodes.
        tags: key and value.
        maintenance_window: the cloud's own, `HH:MM-HH:MM` in UTC.
        upgrade_time: how long an upgrade of it takes.
        fail_reason: what its upgrade breaks off with; None when it succeeds.
    """

    id: str
    name: str
    mode: str
    version: str
    whole_version: str
    newest_version: str
    patch_available: bool
    region: str
    vpc_id: str
    subnet_id: str
    created: datetime
    groups: tuple[Group, ...]
    upgrade_time: timedelta
    status: str = "normal"
    actions: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    maintenance_window: str = "02:00-06:00"
    fail_reason: str | None = None

    @property
    def node_states(self) -> tuple[str, ...]:
        """State of each node as a listing shows it."""
        return tuple(self.shown(node) for group in self.groups for node in group.nodes)

    def shown(self, node: Node) -> str:
        """State of one of its nodes as a listing shows it."""
        if node.status == "normal" and UPGRADE_ACTION in self.actions:
            return UPGRADING_NODE
        return node.status


@dataclass(frozen=True, slots=True, kw_only=True)
class DdsJob:
    """One upgrade that the pretended cloud runs or ran.

    Attributes:
        id: a UUID.
        instance_id: of the instance it works on.
        instance_name: at the time it began.
        created: when it began.
        ends: when it ends or ended.
        visible_at: from when on the cloud shows it.
        fail_reason: what it breaks off with; None when it succeeds.
        done: whether it has ended.
    """

    id: str
    instance_id: str
    instance_name: str
    created: datetime
    ends: datetime
    visible_at: datetime
    fail_reason: str | None
    done: bool = False

    @property
    def status(self) -> str:
        """`Running`, `Completed` or `Failed`."""
        if not self.done:
            return "Running"
        return "Completed" if self.fail_reason is None else "Failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayedUpgrade:
    """An upgrade that the cloud itself starts later.

    Attributes:
        id: the scheduled job's.
        instance_id: of which instance.
        asked_at: when it was asked for.
        starts_at: when the cloud begins it.
        status: `Pending`, `Completed` (it was begun), `Failed` (it could not be) or `Canceled`.
        listed: whether the list of scheduled jobs shows it.
    """

    id: str
    instance_id: str
    asked_at: datetime
    starts_at: datetime
    status: str = "Pending"
    listed: bool = True


@value
class Entry:
    """One instance's line in the answer to a batch call."""

    instance_id: str
    job_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None

    def document(self) -> dict[str, str]:
        """The line as the API writes it: only the fields that apply."""
        fields = {
            "instance_id": self.instance_id,
            "job_id": self.job_id,
            "error_code": self.error_code,
            "error_message": self.error_message,
        }
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeCall:
    """One upgrade call that reached the pretended cloud, refused ones included.

    Attributes:
        at: when its request line arrived.
        instance_ids: of its body, in order, or the one of its path.
        request_id: the `X-Request-Id` of its answer.
        signed_at: the `X-Sdk-Date` of its signature, as text; None with a token.
        status: of the answer; 0 while, or because, none was sent.
        answer: the answer's body.
        started: instances whose upgrade this call started.
        fault: name of the fault that struck it.
    """

    at: datetime
    instance_ids: tuple[str, ...]
    request_id: str
    signed_at: str | None = None
    status: int = 0
    answer: str = ""
    started: tuple[str, ...] = ()
    fault: str | None = None


@value
class Snapshot:
    """The pretended cloud at one moment.

    Attributes:
        instances: by id, newest first.
        jobs: oldest first, hidden ones included.
        calls: every upgrade call received, oldest first.
        starts: how often an upgrade of an instance was started.
        received: how many calls of each kind arrived, such as `instances` or `jobs`.
    """

    instances: Mapping[str, DdsInstance]
    jobs: tuple[DdsJob, ...]
    calls: tuple[UpgradeCall, ...]
    starts: Mapping[str, int]
    received: Mapping[str, int]
