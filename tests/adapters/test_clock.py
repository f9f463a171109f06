from datetime import UTC, datetime, timedelta
from pathlib import Path

from offpeakd.adapters.clock import SystemClock


def test_the_wall_clock_is_aware_and_in_utc() -> None:
    now = SystemClock().now()

    assert now.utcoffset() == timedelta(0)
    assert now > datetime(2024, 1, 1, tzinfo=UTC)


def test_boot_time_only_rises_and_agrees_with_the_kernel() -> None:
    clock = SystemClock()
    before = clock.boottime()
    kernel = timedelta(seconds=float(Path("/proc/uptime").read_text(encoding="utf-8").split()[0]))
    after = clock.boottime()

    tick = timedelta(seconds=0.02)
    assert before <= after
    assert before - tick <= kernel <= after + tick
