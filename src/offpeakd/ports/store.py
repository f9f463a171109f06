"""All sides of one database."""

from typing import Protocol

from offpeakd.ports.controls import Controls
from offpeakd.ports.ledger import Ledger
from offpeakd.ports.queue import Queue


class Store(Queue, Ledger, Controls, Protocol):
    """All sides of one database."""

    def close(self) -> None:
        """Close connections."""
        ...
