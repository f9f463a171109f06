"""Under which term of its lease a daemon writes."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(slots=True, eq=False, repr=False)
class Term:
    """What a daemon knows of its own lease. Its row says whether that is still so.

    Attributes:
        owner: random id of the daemon's run.
        ttl: how long it may be silent.
        epoch: as of its last sign of life; 0 before the first: commands have no lease.
        told_at: what its last sign of life says of when; None where nothing is known to stand.
        server: which run of which database server took it; empty on SQLite.
    """

    owner: str
    ttl: timedelta
    epoch: int = 0
    told_at: datetime | None = None
    server: str = ""
