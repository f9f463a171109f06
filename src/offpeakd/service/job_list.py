"""Reads a target's upgrade jobs of some time, all pages."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from offpeakd.core.evidence import EARLIER
from offpeakd.core.seen import Job
from offpeakd.core.values import value
from offpeakd.ports import Clock, JobPage

LIST_SPAN: Final = timedelta(days=29)
"""The job list takes at most 30 days (DDS API reference, ListTasks)."""

MOST_PAGES: Final = 300


class Witness(Protocol):
    """The part of `ports.Cloud` that tells the cloud's time."""

    def clock_offset(self) -> timedelta | None:
        """Our wall clock less the cloud's; None while no answer has told."""
        ...


class Lister(Witness, Protocol):
    """The part of `ports.Cloud` that lists jobs."""

    def list_jobs(self, since: datetime, until: datetime, offset: int) -> JobPage:
        """A page of upgrade jobs created between two instants."""
        ...


@value
class JobsSince:
    """Every upgrade job that the cloud lists from an instant on.

    Attributes:
        since: from when on.
        jobs: by instance id.
        complete: whether the last page was reached.
    """

    since: datetime
    jobs: dict[str, tuple[Job, ...]]
    complete: bool

    def of(self, instance_id: str) -> tuple[Job, ...]:
        """One instance's."""
        return self.jobs.get(instance_id, ())


def cloud_now(clock: Clock, cloud: Witness) -> datetime:
    """The present instant by the cloud's clock; by ours while no answer has told."""
    return clock.now() - (cloud.clock_offset() or timedelta(0))


def jobs_since(cloud: Lister, clock: Clock, since: datetime) -> JobsSince:
    """Read the list, as far back as the cloud allows.

    Args:
        cloud: whose.
        clock: ours.
        since: from when on; further back than the list reaches means from its beginning.

    Raises:
        CloudError: it can't be read.
        CredentialsError: no usable key or token.
    """
    now = cloud_now(clock, cloud)
    since = max(since, now - LIST_SPAN)
    # Whichever clock is ahead, the newest job lies within.
    until = max(now, clock.now()) + EARLIER
    found: dict[str, Job] = {}
    offset = 0
    for _ in range(MOST_PAGES):
        page = cloud.list_jobs(since, until, offset)
        found.update({job.id: job for job in page.jobs})
        if not page.full:
            return JobsSince(since, _by_instance(tuple(found.values())), complete=True)
        offset += len(page.jobs)
    return JobsSince(since, _by_instance(tuple(found.values())), complete=False)


def _by_instance(jobs: Sequence[Job]) -> dict[str, tuple[Job, ...]]:
    found: dict[str, tuple[Job, ...]] = {}
    for job in jobs:
        found[job.instance_id] = (*found.get(job.instance_id, ()), job)
    return found
