"""One target of the cloud."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import Protocol

from offpeakd.core.batch import BatchResult
from offpeakd.core.outcomes import CloudProblem, Outcome
from offpeakd.core.seen import Instance, Job
from offpeakd.core.values import value


@value
class SignedCall:
    """One upgrade call, serialised and signed once; exactly these bytes are sent.

    Attributes:
        instance_ids: in the body's order.
        body: the bytes.
        headers: every header the client sends, the signature's among them. Secret: never logged.
        signed_at: the literal instant in the signature, or of the token's use.
        fenced: whether a signature makes the call go stale by itself (a token does not).
    """

    instance_ids: tuple[str, ...]
    body: bytes
    headers: Mapping[str, str] = field(repr=False)
    signed_at: datetime
    fenced: bool


@value
class UpgradeAnswer:
    """What came of one upgrade call.

    Attributes:
        result: of the call as a whole.
        outcomes: one for each instance of the call, by instance id.
        problem: the whole-call refusal, if it was one.
        retry_after: what the cloud asked for, where it did.
        cloud_time: the answer's `Date` header, where there was one.
        foreign_ids: instances that the answer names and the call did not.
        renewable: refused for a token that the next call will have renewed.
    """

    result: BatchResult
    outcomes: Mapping[str, Outcome]
    problem: CloudProblem | None = None
    retry_after: timedelta | None = None
    cloud_time: datetime | None = None
    foreign_ids: tuple[str, ...] = ()
    renewable: bool = False


@value
class JobPage:
    """One page of the job list.

    Attributes:
        jobs: as listed, newest first where the cloud keeps its word.
        full: whether there may be a next page.
    """

    jobs: tuple[Job, ...]
    full: bool


class Cloud(Protocol):
    """One target: a project in a region, with credentials.

    Reads raise `CloudUnreachableError`, `CloudThrottledError`, `CloudDeniedError`,
    `CloudRefusedError` or `CredentialsError`. `send` raises nothing: everything that can happen
    to a call is an answer.
    """

    def list_instances(self) -> tuple[Instance, ...]:
        """Every instance of the project, all pages, each once."""
        ...

    def find_instance(self, instance_id: str) -> Instance | None:
        """One instance; None when the cloud knows none of that id."""
        ...

    def sign_upgrade(self, instance_ids: Sequence[str]) -> SignedCall:
        """Serialise and sign the batch call for one to ten distinct instances."""
        ...

    def send(
        self,
        call: SignedCall,
        gate: Callable[[], str | None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> UpgradeAnswer:
        """Make the call, once: no retry, no redirect.

        Args:
            call: from `sign_upgrade`.
            gate: asked after the connection stands and before the first byte is written;
                text is a veto and its reason, which proves the call unsent.
            meanwhile: done once the call is written, while the cloud works on it; takes moments
                at the most, and raises nothing.
        """
        ...

    def list_jobs(self, since: datetime, until: datetime, offset: int) -> JobPage:
        """A page of up to 100 upgrade jobs created between two instants."""
        ...

    def find_job(self, job_id: str) -> Job | None:
        """One job; None while the cloud does not show it."""
        ...

    def upgrade_minutes(self, instance_id: str) -> int | None:
        """The cloud's estimate for the quickest method; None where it has none."""
        ...

    def clock_offset(self) -> timedelta | None:
        """How far our wall clock is ahead of the cloud's at this moment.

        The cloud's present time is the `Date` of its last answer that had one, plus the boot time
        that has passed since: a step of our clock shows at once, without another call.

        Returns:
            None while no answer has told a time.
        """
        ...

    def close(self) -> None:
        """Close connections."""
        ...
