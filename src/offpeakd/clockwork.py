"""Runs calls at their times: APScheduler, with threads of each call's own."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger


class Wake(BaseTrigger):
    """Fires at once, and then whenever the longest wait is over; who is called may ask for less.

    Its next time always lies ahead of now, so that a clock that jumps makes one call, not one
    for each that was missed, and a call that takes long is not asked for again and again.
    """

    def __init__(self, at_most: timedelta) -> None:
        self._at_most = at_most

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Now, or after the longest wait."""
        return now if previous_fire_time is None else now + self._at_most


class Clockwork:
    """Makes each call in threads of its own, so that none waits for another to end.

    Args:
        at_most: the longest time between two calls for which nobody asks.
    """

    def __init__(self, at_most: timedelta) -> None:
        self._at_most = at_most
        self._threads: set[str] = set()
        self._scheduler = BackgroundScheduler(
            # The library counts a call as running for a moment after its end, and would drop one
            # that falls into it. That no two do their work at once is seen to by who is called.
            job_defaults={"coalesce": True, "max_instances": 2, "misfire_grace_time": None},
            timezone=UTC,
        )

    def add(self, name: str, call: Callable[[], object], due: datetime) -> None:
        """Make a call at an instant, or at once if that is past; then whenever it is due again."""
        if name not in self._threads:
            self._threads.add(name)
            # The second thread does no more than find the first at work.
            self._scheduler.add_executor(ThreadPoolExecutor(2), alias=name)
        self._scheduler.add_job(
            call, Wake(self._at_most), id=name, executor=name, next_run_time=due
        )

    def set_due(self, name: str, due: datetime) -> None:
        """Make it at another time."""
        self._scheduler.modify_job(name, next_run_time=due)

    def remove(self, name: str) -> None:
        """Make it no more; one under way ends by itself."""
        self._scheduler.remove_job(name)

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def stop(self) -> None:
        """Make no call any more, and wait for those under way."""
        self._scheduler.shutdown(wait=True)
