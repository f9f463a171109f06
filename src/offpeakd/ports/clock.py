"""The clock."""

from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The only reader of clocks."""

    def now(self) -> datetime:
        """Wall clock, aware UTC: decides windows."""
        ...

    def boottime(self) -> timedelta:
        """Time since boot, suspend included: decides ages. Never steps."""
        ...
