"""The machine's clocks: the only module that reads one."""

import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """`ports.Clock` over the machine's own clocks."""

    def now(self) -> datetime:
        """Wall clock, aware UTC. May step when it is set."""
        return datetime.now(UTC)

    def boottime(self) -> timedelta:
        """Time since boot, suspend included, to the microsecond. Never steps."""
        return timedelta(microseconds=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000)
