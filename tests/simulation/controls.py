"""Daemons with one protection taken away: the checker has to catch each of them.

Each is put together from the real parts and something weaker in one place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, cast

from typing_extensions import override

from fakes.builders import an_instance
from fakes.memory_rows import Rows
from offpeakd.core.batch import Batch
from offpeakd.core.change import AttemptResult, Change
from offpeakd.core.model import Request, State
from offpeakd.core.outcomes import NotSent, Unclear
from offpeakd.core.policy import Policy
from offpeakd.core.seen import Instance
from offpeakd.ports import Claim, Claimed, Clock, Cloud, SignedCall, Store, UpgradeAnswer
from offpeakd.service.choice import Chosen
from offpeakd.service.gate import Gate
from offpeakd.service.inventory import Inventory
from offpeakd.service.recover import Recover
from offpeakd.service.release import Release
from offpeakd.service.rules import Rules
from simulation.protections import Protections


class _Around:
    """Whatever is not said otherwise goes through."""

    def __init__(self, inner: object) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


# ---------------------------------------------------------------------- naive


class _SureThatNothingHappened(_Around):
    """Takes a call without an answer for one that was not sent."""

    def send(
        self,
        call: SignedCall,
        gate: Callable[[], str | None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> UpgradeAnswer:
        answer: UpgradeAnswer = self._inner.send(call, gate, meanwhile)  # type: ignore[attr-defined]  # a Cloud
        outcomes = {
            name: NotSent(one.why) if isinstance(one, Unclear) else one
            for name, one in answer.outcomes.items()
        }
        return replace(answer, outcomes=outcomes)


class _QueueAgain(Recover):
    """Queues what a dead owner was sending, as job queues do when a lease ends."""

    @override
    def run_once(self) -> int:
        found = self.store.abandoned(self.owner, 500)
        self.store.apply([_queued(one, self.clock) for one in found])
        return len(found)


def _queued(one: Request, clock: Clock) -> Change:
    after = one.moved_to(State.QUEUED, clock.now())
    return Change(one, after, "recovered", attempt=AttemptResult("not_sent"))


# ---------------------------------------------------------------------- write-ahead


class _SendFirst(Release):
    """Calls first and writes down afterwards that it was going to."""

    @override
    def _claim(self, batch: Batch, rules: Rules) -> Claim:
        return Claim(Claimed.TAKEN)

    @override
    def _write_down(
        self, batch: Batch, answer: UpgradeAnswer, chosen: Chosen, rules: Rules
    ) -> None:
        if super()._claim(batch, rules):
            super()._write_down(batch, answer, chosen, rules)


# ---------------------------------------------------------------------- policies


def _no_fence(policy: Policy) -> Policy:
    return replace(policy, fence=timedelta(0))


def _one_look(policy: Policy) -> Policy:
    return replace(policy, looks=1)


# ---------------------------------------------------------------------- gate and decision


class _GateAjar(_Around):
    """Asks the gate and does not listen."""

    def send(
        self,
        call: SignedCall,
        gate: Callable[[], str | None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> object:
        def ajar() -> None:
            gate()

        return self._inner.send(call, ajar, meanwhile)  # type: ignore[attr-defined]  # a Cloud


class _AlwaysYoung(_Around):
    """Every decision was made just now."""

    def __init__(self, inner: object, clock: Clock) -> None:
        super().__init__(inner)
        self._clock = clock

    def send(
        self,
        call: SignedCall,
        gate: Callable[[], str | None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> object:
        def young() -> str | None:
            if isinstance(gate, Gate):
                gate.decided_at = self._clock.boottime()
            return gate()

        return self._inner.send(call, young, meanwhile)  # type: ignore[attr-defined]  # a Cloud


# ---------------------------------------------------------------------- looks and stores


class _LooksAway(Inventory):
    """Every instance is fit, whatever the cloud says."""

    @override
    def at_most(
        self, age: timedelta, ids: Sequence[str], *, more_to_come: bool
    ) -> Mapping[str, Instance | None]:
        return {one: replace(an_instance(), id=one, whole_version=None) for one in ids}


class _BlindWrites(Rows):
    """Writes over whatever stands there."""

    @override
    def stands(self, before: Request) -> bool:
        return before.id in self.requests


class _KnowsNoJobs(_Around):
    """Takes every job of an instance for one that nothing accounts for."""

    def known_jobs(
        self, _target: str, _instance_ids: Sequence[str]
    ) -> Mapping[str, frozenset[str]]:
        return {}


def _as_cloud(wrap: Callable[[Cloud], object]) -> Callable[[Cloud, Clock], Cloud]:
    return lambda cloud, _clock: cast("Cloud", wrap(cloud))


def _forgetful(store: Store) -> Store:
    return cast("Store", _KnowsNoJobs(store))


NAIVE: Final = Protections(
    "naive: try again after a lost answer or a restart",
    cloud=_as_cloud(_SureThatNothingHappened),
    recover=_QueueAgain,
    inventory=_LooksAway,
)

CONTROLS: Final[Mapping[str, tuple[Protections, frozenset[str]]]] = {
    "naive": (NAIVE, frozenset({"I1"})),
    "write-ahead": (Protections("write-ahead", release=_SendFirst), frozenset({"I1"})),
    "recovery": (Protections("recovery", recover=_QueueAgain), frozenset({"I1", "proof"})),
    "fence": (Protections("fence", policy=_no_fence), frozenset({"I1", "proof"})),
    "looks": (Protections("looks", policy=_one_look), frozenset({"I1", "proof"})),
    "gate": (Protections("gate", cloud=_as_cloud(_GateAjar)), frozenset({"I2"})),
    "decision-age": (
        Protections(
            "decision-age", cloud=lambda one, clock: cast("Cloud", _AlwaysYoung(one, clock))
        ),
        frozenset({"age", "look"}),
    ),
    "clock-witness": (
        Protections("clock-witness", holds=lambda _holds: lambda: ()),
        frozenset({"I2"}),
    ),
    "preflight": (Protections("preflight", inventory=_LooksAway), frozenset({"I1", "look"})),
    "compare-and-set": (Protections("compare-and-set", rows=_BlindWrites), frozenset({"I1", "I4"})),
    "known-jobs": (Protections("known-jobs", store=_forgetful), frozenset({"I6", "I7"})),
}
"""What is taken away, and the rules that have to notice."""
