"""What a look at the cloud says about an attempt whose outcome nobody knows. Pure.

Nothing here decides: `settle_evidence` does, from what many looks have said.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from offpeakd.core.clock_text import rfc3339
from offpeakd.core.seen import Instance, Job
from offpeakd.core.values import value

EARLIER: Final = timedelta(minutes=2)
"""A job may be dated this much before its call was signed: two clocks never quite agree."""

UPGRADE_ACTION: Final = "UPGRADE_DATABASE"
UPGRADING_NODE: Final = "upgrade_database"

_JOB_WORDS: Final = frozenset({"Running", "Completed", "Failed"})
"""Every status that the API page of the job list names."""


class Kind(StrEnum):
    """What a look found, the strongest first."""

    JOB = "job"
    """An upgrade job of the instance that nobody else's attempt accounts for."""
    UPGRADING = "upgrading"
    """The instance, or a node of it, is being upgraded."""
    CHANGED = "changed"
    """The instance has another version than before, or no patch is left for it."""
    INCONCLUSIVE = "inconclusive"
    """Something could not be read, or can be read in two ways. Says nothing."""
    UNANSWERED = "unanswered"
    """Something could not be read because the cloud gave no answer now. Not even time counts."""
    NEGATIVE = "negative"
    """All was read, and there is no trace of an upgrade."""


@value
class Doubt:
    """The attempt that a look is about.

    Attributes:
        signed_at: the literal instant in its signature.
        fenced: whether the signature goes stale by itself; a token does not.
        whole_version: the instance's full version before the call, where the region tells.
    """

    signed_at: datetime
    fenced: bool
    whole_version: str | None


@value
class Look:
    """What one look at the cloud showed of one instance.

    Attributes:
        instance: None when the cloud shows none of that id, or was not read.
        jobs: upgrade jobs of the instance.
        known_jobs: ids of jobs that other attempts and requests account for.
        instance_unread: why the instance could not be read; empty when it was.
        jobs_unread: why the jobs since the signature could not all be read; empty when they were.
        unanswered: whether that is for want of an answer, which a later look may have.
    """

    instance: Instance | None = None
    jobs: tuple[Job, ...] = ()
    known_jobs: frozenset[str] = frozenset()
    instance_unread: str = ""
    jobs_unread: str = ""
    unanswered: bool = False


@value
class Finding:
    """What a look means.

    Attributes:
        kind: of evidence.
        sentence: for people.
        job: the one that was found.
        complete: whether everything was read; what was not seen is then not there.
    """

    kind: Kind
    sentence: str
    job: Job | None = None
    complete: bool = True


def examine(doubt: Doubt, look: Look) -> Finding:
    """What a look says about an attempt."""
    jobs = _possible_jobs(doubt, look)
    plain = [
        (job.created_at, job)
        for job in jobs
        if job.status in _JOB_WORDS and job.created_at is not None
    ]
    if plain:
        made, own = min(plain, key=lambda one: abs(one[0] - doubt.signed_at))
        words = f"job {own.id} is {own.status}, created {rfc3339(made)}"
        return Finding(Kind.JOB, words, own)
    instance = look.instance
    if instance is not None and is_upgrading(instance):
        return Finding(Kind.UPGRADING, "the instance is being upgraded", complete=False)
    changed = _change(doubt, instance)
    if changed:
        unlisted = look.jobs_unread or _odd_job(jobs)
        words = f"{changed}; {unlisted or 'no job of it is listed'}"
        return Finding(Kind.CHANGED, words, complete=not unlisted)
    against = _why_inconclusive(jobs, look)
    if against:
        kind = Kind.UNANSWERED if look.unanswered else Kind.INCONCLUSIVE
        return Finding(kind, against, complete=False)
    return Finding(Kind.NEGATIVE, "no job, no upgrade under way, the version is what it was")


def stray_jobs(
    jobs: tuple[Job, ...], known_jobs: frozenset[str], since: datetime
) -> tuple[Job, ...]:
    """Jobs that nothing in the database accounts for, created from `since` on, oldest first."""
    found = [
        (job.created_at, job.id, job)
        for job in jobs
        if job.id not in known_jobs and job.created_at is not None and job.created_at >= since
    ]
    return tuple(job for _, _, job in sorted(found, key=lambda one: one[:2]))


def version_change(before: str | None, instance: Instance) -> str:
    """How an instance shows that it was upgraded since; empty when it does not show it."""
    after = instance.whole_version
    if before is not None and after is not None and after != before:
        return f"the version {before} became {after}"
    if instance.patch_available is False:
        return "no patch is left for the instance"
    return ""


def is_upgrading(instance: Instance) -> bool:
    """Whether an upgrade of it is under way."""
    return UPGRADE_ACTION in instance.actions or UPGRADING_NODE in instance.node_states


def _possible_jobs(doubt: Doubt, look: Look) -> tuple[Job, ...]:
    earliest = doubt.signed_at - EARLIER
    return tuple(
        job
        for job in look.jobs
        if job.id not in look.known_jobs and (job.created_at is None or job.created_at >= earliest)
    )


def _change(doubt: Doubt, instance: Instance | None) -> str:
    return "" if instance is None else version_change(doubt.whole_version, instance)


def _why_inconclusive(jobs: tuple[Job, ...], look: Look) -> str:
    unread = "; ".join(why for why in (look.instance_unread, look.jobs_unread) if why)
    if unread:
        return unread
    if look.instance is None:
        return "the cloud shows no instance of this id"
    return _odd_job(jobs) or _unsound(look.instance)


def _odd_job(jobs: tuple[Job, ...]) -> str:
    """What is odd about a job that may be the attempt's own; a plain one would have been taken."""
    if not jobs:
        return ""
    job = jobs[0]
    if job.status not in _JOB_WORDS:
        return f"job {job.id} has a status that is not documented: {job.status}"
    return f"job {job.id} does not say when it was created"


def _unsound(instance: Instance) -> str:
    if instance.actions:
        return f"the instance is busy: {', '.join(instance.actions)}"
    if instance.status != "normal":
        return f"the instance is {instance.status or 'without a status'}"
    states = [state for state in instance.node_states if state not in ("", "normal")]
    return f"a node of the instance is {', '.join(states)}" if states else ""
