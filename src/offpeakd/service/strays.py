"""Upgrade jobs that the cloud has and this database doesn't know, for requests that wait.

A database may know less than it once did: an old backup was put back, a fail-over lost the last
commits. What it forgot to have sent must not be sent again, so before the first release of a
run, and after every fault of the store, the cloud is asked what it has started. Where that shows
something forgotten, the last calls may not show yet: nothing is decided until they would.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from offpeakd.core.evidence import EARLIER, stray_jobs
from offpeakd.core.model import Request, State
from offpeakd.core.seen import Job
from offpeakd.core.verdicts import Code, Verdict
from offpeakd.ports import Clock, Cloud, Filter, Store
from offpeakd.service.job_list import JobsSince, jobs_since
from offpeakd.service.rules import Rules

SHOWS_WITHIN: Final = timedelta(minutes=2)
"""Until then every job is in the list, with room to spare; it mostly is within seconds."""

FORGOTTEN: Final = (
    "the cloud has upgrades that this database does not know of, made elsewhere or forgotten with "
    "an older copy or a fail-over: until the last of them would show, nothing is sent or settled; "
    "nothing has to be done, unless the wrong copy was put back"
)
"""For people: what happens, why, and what to do."""

_log = structlog.get_logger("strays")


@dataclass(slots=True, eq=False, repr=False)
class Strays:
    """One target's. Used by that target's lane alone; any thread may distrust.

    Attributes:
        target: its name.
        store: which jobs are known.
        cloud: whom to ask.
        clock: for the list's span.
        rules: the configuration in force, for the fence.
        doubts: how often the store was distrusted: what was chosen before the last time may have
            been chosen from too short a list.
        before_looking: done before the cloud is asked, which takes its time.
    """

    target: str
    store: Store
    cloud: Cloud
    clock: Clock
    rules: Callable[[], Rules]
    doubts: int = field(default=0, init=False)
    before_looking: Callable[[], None] = field(default=lambda: None, init=False)
    _listed: JobsSince | None = field(default=None, init=False)
    _listed_after: int = field(default=0, init=False)
    _listed_at: timedelta = field(default=timedelta(0), init=False)
    _wanted_since: datetime | None = field(default=None, init=False)
    _unsettled_until: timedelta | None = field(default=None, init=False)
    _settled_after: int = field(default=-1, init=False)

    def distrust(self) -> None:
        """Ask anew before the next release: the store may have lost something."""
        self.doubts += 1

    def known(self, requests: Sequence[Request]) -> Mapping[int, Job]:
        """Stray jobs of these requests, from the list that was read once.

        Returns:
            the newest job by request id; a request without any is left out.

        Raises:
            CloudError: the list can't be read.
            CredentialsError: no usable key or token.
            DatabaseError: the store can't be read.
        """
        if not requests:
            return {}
        found = self._of(requests, self._list(_since(requests)))
        if found and self._unsettled_until is None and self._settled_after != self.doubts:
            wait = min(SHOWS_WITHIN, self.rules().policy.fence)
            self._unsettled_until = self._listed_at + wait
            _log.warning("calls_forgotten", target=self.target, waits_s=wait.total_seconds())
        return found

    def settles_in(self) -> timedelta | None:
        """How long to wait where calls were forgotten, and the list is from too soon after them.

        A call from just before the older copy took its place may show in nothing yet. When it
        would, `known` reads the list once more. A short fence shortens the wait.
        """
        until = self._unsettled_until
        return None if until is None else max(until - self.clock.boottime(), timedelta(0))

    def standing(self) -> Verdict | None:
        """Why nothing is sent, for people; None where nothing was forgotten. Any thread may ask."""
        left = self.settles_in()
        if not left:
            return None
        until = (self.clock.now() + left).replace(microsecond=0) + timedelta(seconds=1)
        return Verdict(Code.CALLS_FORGOTTEN, FORGOTTEN, until=until)

    def prepare(self) -> None:
        """Read the list now, where it was not read yet.

        Raises:
            CloudError: it can't be read.
            CredentialsError: no usable key or token.
            DatabaseError: the store can't be read.
        """
        oldest = self._oldest_queued()
        if oldest is not None:
            self._list(oldest)

    def _list(self, oldest: datetime) -> JobsSince:
        """The list, from `oldest` on at the least."""
        known = self._listed if self._listed_after == self.doubts else None
        began = self.clock.boottime()
        due = self._unsettled_until is not None and began >= self._unsettled_until
        enough = self._wanted_since is not None and oldest >= self._wanted_since
        if known is not None and enough and not due:
            return known
        self.before_looking()
        # Whoever distrusts while the list is read may know of a job that was not in it yet.
        doubts = self.doubts
        since = min(oldest, self._oldest_queued() or oldest)
        listed = jobs_since(self.cloud, self.clock, since)
        self._listed, self._listed_after, self._wanted_since = listed, doubts, since
        self._listed_at = began
        if due:
            self._unsettled_until, self._settled_after = None, doubts
        return listed

    def fresh(self, requests: Sequence[Request]) -> Mapping[int, Job]:
        """As `known`, from a list that is read now; nothing is asked for no requests."""
        if not requests:
            return {}
        self.before_looking()
        return self._of(requests, jobs_since(self.cloud, self.clock, _since(requests)))

    def _oldest_queued(self) -> datetime | None:
        wanted = Filter(states=frozenset({State.QUEUED}), targets=frozenset({self.target}))
        first = self.store.page(wanted, 0, 1)
        return _since(first) if first else None

    def _of(self, requests: Sequence[Request], listed: JobsSince) -> Mapping[int, Job]:
        listed_ids = [one.instance_id for one in requests if listed.of(one.instance_id)]
        if not listed_ids:
            return {}
        known = self.store.known_jobs(self.target, listed_ids)
        found: dict[int, Job] = {}
        for request in requests:
            mine = known.get(request.instance_id, frozenset())
            strays = stray_jobs(listed.of(request.instance_id), mine, _since([request]))
            if strays:
                found[request.id] = strays[-1]
        return found


def _since(requests: Sequence[Request]) -> datetime:
    return min(request.requested_at for request in requests) - EARLIER
