"""What the services need from outside, as small protocols. Adapters implement them.

Times are aware UTC. A port raises errors of `core.errors` only; a library's own never pass it.
"""

from offpeakd.ports.clock import Clock
from offpeakd.ports.cloud import Cloud, JobPage, SignedCall, UpgradeAnswer
from offpeakd.ports.controls import Controls, DaemonRow
from offpeakd.ports.hints import Hints
from offpeakd.ports.ledger import Added, Event, Filter, Ledger
from offpeakd.ports.notifier import Notifier
from offpeakd.ports.queue import AttemptRecord, Behind, Claim, Claimed, Limits, Queue, Settled
from offpeakd.ports.store import Store

__all__ = [
    "Added",
    "AttemptRecord",
    "Behind",
    "Claim",
    "Claimed",
    "Clock",
    "Cloud",
    "Controls",
    "DaemonRow",
    "Event",
    "Filter",
    "Hints",
    "JobPage",
    "Ledger",
    "Limits",
    "Notifier",
    "Queue",
    "Settled",
    "SignedCall",
    "Store",
    "UpgradeAnswer",
]
