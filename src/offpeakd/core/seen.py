"""What the cloud shows: instances and jobs."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from offpeakd.core.values import value


@value
class Instance:
    """What the cloud's listing says of one instance.

    Attributes:
        id: the cloud's id.
        name: the user's name for it.
        mode: `Sharding`, `ReplicaSet` or `Single`.
        status: `normal`, `abnormal`, `frozen`, …; a busy instance still says `normal`.
        actions: what runs on it now.
        version: such as `4.0`.
        whole_version: such as `4.0.3.5`; None where the region doesn't tell.
        patch_available: None where the region doesn't tell.
        node_states: the distinct states of its nodes.
        tags: key to value.
        seen_at: when we looked.
    """

    id: str
    seen_at: datetime
    name: str = ""
    mode: str = ""
    status: str = "normal"
    actions: tuple[str, ...] = ()
    version: str | None = None
    whole_version: str | None = None
    patch_available: bool | None = None
    node_states: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict[str, str])


@value
class Job:
    """What the cloud says of one job.

    Attributes:
        id: the cloud's id.
        instance_id: of the instance it works on.
        status: `Running`, `Completed`, `Failed`, or a word we don't know.
        created_at: by the cloud's clock.
        ended_at: may be filled while still running: decide by `status` alone.
        progress: such as `9%`.
        fail_reason: a sentence.
    """

    id: str
    instance_id: str
    status: str
    created_at: datetime | None = None
    ended_at: datetime | None = None
    progress: str = ""
    fail_reason: str | None = None
