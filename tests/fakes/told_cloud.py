"""A cloud that tells the time, and counts how often it is asked."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from typing_extensions import override

from offpeakd.core.seen import Instance, Job
from offpeakd.ports import Clock, Cloud, JobPage, SignedCall, UpgradeAnswer

if TYPE_CHECKING:
    from offpeakd.core.errors import CloudError


class ToldCloud(Cloud):
    """Answers looks with nothing but its time.

    Attributes:
        ahead: how far its clock is ahead of what it was at the start.
        dated: whether its answers tell the time.
        failure: raised by every read, if set; an answer all the same where `answers`.
        answers: whether a failing read tells the time.
        asked: names of the reads so far.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.dated = True
        self.failure: CloudError | None = None
        self.answers = True
        self.asked: list[str] = []
        self._base = clock.now() - clock.boottime()
        self._witness: tuple[datetime, timedelta] | None = None
        self.ahead = timedelta(0)

    def _answer(self, name: str) -> None:
        self.asked.append(name)
        if self.dated and self.answers:
            boottime = self.clock.boottime()
            self._witness = (self._base + boottime + self.ahead, boottime)
        if self.failure is not None:
            raise self.failure

    @override
    def list_instances(self) -> tuple[Instance, ...]:
        self._answer("list")
        return ()

    @override
    def find_instance(self, instance_id: str) -> Instance | None:
        self._answer("find")
        return None

    @override
    def clock_offset(self) -> timedelta | None:
        if self._witness is None:
            return None
        stated, at = self._witness
        return self.clock.now() - stated - (self.clock.boottime() - at)

    @override
    def sign_upgrade(self, instance_ids: Sequence[str]) -> SignedCall:
        raise NotImplementedError

    @override
    def send(
        self,
        call: SignedCall,
        gate: Callable[[], str | None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> UpgradeAnswer:
        raise NotImplementedError

    @override
    def list_jobs(self, since: datetime, until: datetime, offset: int) -> JobPage:
        raise NotImplementedError

    @override
    def find_job(self, job_id: str) -> Job | None:
        raise NotImplementedError

    @override
    def upgrade_minutes(self, instance_id: str) -> int | None:
        raise NotImplementedError

    @override
    def close(self) -> None:
        """Nothing is open."""
