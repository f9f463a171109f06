"""Fills a batch with requests whose instances are fit at this moment."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from offpeakd.core.batch import BATCH_LIMIT
from offpeakd.core.change import Change
from offpeakd.core.evidence import is_upgrading
from offpeakd.core.model import Request
from offpeakd.core.plan import Take
from offpeakd.core.seen import Instance, Job
from offpeakd.core.settle import settle_by_time, settle_look
from offpeakd.core.settle_evidence import adopt
from offpeakd.core.values import value
from offpeakd.ports import Clock, Queue
from offpeakd.service.inventory import Inventory
from offpeakd.service.rules import Rules
from offpeakd.service.strays import Strays

ROUNDS: Final = 5
"""Looks at further requests, where those before did not fit; then what is found is sent, and the
lane decides anew: by then its clock, its stops and its windows may be others."""

MOST: Final = BATCH_LIMIT + 1
"""Ready requests that are read for a batch: one more than it takes tells whether it leaves any."""

Fit = tuple[Request, Instance]
_log = structlog.get_logger("choice")


@value
class Chosen:
    """The requests of one batch, in order, with their instances as just seen.

    Attributes:
        fit: to be sent.
        passed_over: how many the look sorted out.
        suspects: ready requests of the same cohort that this batch leaves behind.
    """

    fit: tuple[Fit, ...]
    passed_over: int
    suspects: tuple[Request, ...]


@value
class Choice:
    """Chooses for one target's lane.

    Attributes:
        target: its name.
        queue: to choose from.
        inventory: the look before each call.
        strays: what the cloud has started and the store may have forgotten.
        clock: the clocks.
        stopping: set when the daemon stops.
        before_writing: done before what is sorted out is written.
    """

    target: str
    queue: Queue
    inventory: Inventory
    strays: Strays
    clock: Clock
    stopping: threading.Event
    before_writing: Callable[[], None]

    def fill(self, take: Take, rules: Rules, first: Sequence[Request] | None = None) -> Chosen:
        """Take ready requests in order until the batch is full, none is left or enough is looked at.

        Args:
            take: group, size and opening.
            rules: the configuration in force.
            first: the ready requests to begin with, where they were read already.

        Raises:
            CloudError: the instances or the jobs can't be looked at.
            CredentialsError: no usable key or token.
            DatabaseError: the queue can't be read or written.
        """
        fit: list[Fit] = []
        passed_over = 0
        left: list[Request] = []
        for _ in range(ROUNDS):
            if len(fit) >= take.size or self.stopping.is_set():
                break
            left = self._ready(take.group, fit, first)
            first = None
            candidates = left[: _room(take.size, fit, left)]
            if not candidates:
                break
            more = len(left) > len(candidates)
            sound, changes = self._sift(candidates, rules, more_to_come=more)
            fit.extend(sound)
            passed_over += len(changes)
            if not changes:
                break
            self.before_writing()
            self.queue.apply(changes)
        taken = {request.id for request, _ in fit}
        cohort = fit[0][0].cohort if fit else None
        suspects = [one for one in left if cohort is not None and one.id not in taken]
        return Chosen(tuple(fit), passed_over, tuple(suspects))

    def _ready(
        self, group: str, fit: Sequence[Fit], first: Sequence[Request] | None
    ) -> list[Request]:
        """Ready requests that may share a call with those chosen, without these."""
        taken = {request.id for request, _ in fit}
        if first is None:
            first = self.queue.ready(self.target, group, MOST + len(fit))
        fresh = [request for request in first if request.id not in taken]
        if not fresh:
            return []
        cohort = fit[0][0].cohort if fit else fresh[0].cohort
        return [request for request in fresh if request.cohort == cohort]

    def _sift(
        self, candidates: Sequence[Request], rules: Rules, *, more_to_come: bool
    ) -> tuple[list[Fit], list[Change]]:
        now = self.clock.now()
        changes = [change for one in candidates if (change := settle_by_time(one, now))]
        untimely = {change.before.id for change in changes}
        current = [request for request in candidates if request.id not in untimely]
        seen = self.inventory.at_most(
            rules.policy.preflight,
            [request.instance_id for request in current],
            more_to_come=more_to_come,
        )
        forgotten = dict(self.strays.known(current))
        if self.strays.settles_in() is not None:
            # The rest may have been sent as well: what is not seen yet is neither sent nor settled.
            current = [request for request in current if request.id in forgotten]
        upgraded = [
            one
            for one in current
            if one.id not in forgotten and _shows_upgrade(seen[one.instance_id])
        ]
        forgotten.update(self.strays.fresh(upgraded))
        fit: list[Fit] = []
        for request in current:
            instance = seen[request.instance_id]
            change = self._change(request, instance, forgotten)
            if change is not None:
                changes.append(change)
            elif instance is not None:
                fit.append((request, instance))
        return fit, changes

    def _change(
        self, request: Request, instance: Instance | None, forgotten: Mapping[int, Job]
    ) -> Change | None:
        """Whatever the instance looks like: what the cloud has started is not sent again."""
        job = forgotten.get(request.id)
        if job is None:
            return settle_look(request, instance, self.clock.now())
        evidence = f"the cloud has job {job.id}, which no request accounts for"
        _log.warning(
            "adopted",
            target=self.target,
            request=request.id,
            instance=request.instance_id,
            job=job.id,
            status=job.status,
        )
        return adopt(request, job, self.clock.now(), evidence)


def _shows_upgrade(instance: Instance | None) -> bool:
    """Whether it has been upgraded, or is being so: a job of it may be the request's own."""
    if instance is None:
        return False
    return is_upgrading(instance) or (instance.patch_available is False and not instance.actions)


def _room(size: int, fit: Sequence[Fit], left: Sequence[Request]) -> int:
    """How many more to take.

    Among the suspects of a refused batch only half go together: whichever half is refused holds
    the cause, so a single cause stands alone after the logarithm of ten calls.
    """
    if left and left[0].cohort is not None:
        size = min(size, (len(fit) + len(left) + 1) // 2)
    return max(0, size - len(fit))
