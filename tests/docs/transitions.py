"""Drives every function that settles anything, to see which state each event really leads to."""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from fakes.builders import NIGHT, a_request, a_result, an_instance
from offpeakd.core import intake
from offpeakd.core.batch import Batch, as_claimed
from offpeakd.core.change import Change
from offpeakd.core.evidence import Doubt, Finding, Kind
from offpeakd.core.inquiry import Inquiry
from offpeakd.core.late import settle_late
from offpeakd.core.model import Request, State
from offpeakd.core.outcomes import (
    Accepted,
    CloudProblem,
    ErrorKind,
    NotSent,
    Outcome,
    Refused,
    Unclear,
)
from offpeakd.core.policy import Policy
from offpeakd.core.resolve import Resolution, resolve
from offpeakd.core.seen import Job
from offpeakd.core.settle import (
    settle,
    settle_abandoned,
    settle_expired,
    settle_job,
    settle_look,
)
from offpeakd.core.settle_evidence import adopt, settle_finding, settle_gone
from offpeakd.core.tally import Tally

if TYPE_CHECKING:
    from offpeakd.core.intake import Rule

POLICY: Final = Policy()
LONG_AGO: Final = NIGHT - timedelta(days=1)


class Step(NamedTuple):
    """One way from a state to the next, with the kind of event that the history then has."""

    before: State
    after: State
    cause: str
    event: str


def steps() -> frozenset[Step]:
    """Every step that any of them takes."""
    ways = {
        "the answer to the call": _answers(),
        "a late answer to the call": _late_answers(),
        "the look before the call": _looks(),
        "its job": _jobs(),
        "its deadline": iter([settle_expired(_in(State.QUEUED), NIGHT)]),
        "its daemon died or lost its lease": iter([settle_abandoned(_in(State.SUBMITTING), NIGHT)]),
        "evidence": _evidence(),
        "a person": _people(),
    }
    taken = {Step(State.QUEUED, one.state, "release", "submitting") for one in _claimed()}
    for cause, changes in ways.items():
        taken |= {
            Step(one.before.state, one.after.state, cause, one.event)
            for one in changes
            if one is not None and one.event
        }
    return frozenset(taken)


def meanings() -> dict[State, str]:
    """What the code says of each state."""
    [body] = ast.parse(inspect.getsource(State)).body
    assert isinstance(body, ast.ClassDef)
    found: dict[State, str] = {}
    state: State | None = None
    for node in body.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]):
                state = State[name]
            case ast.Expr(value=ast.Constant(value=str(text))) if state is not None:
                found[state] = " ".join(text.split())
    return found


def _in(state: State) -> Request:
    return a_request(
        state=state,
        attempt_id="a1",
        batch_id="b1",
        attempts=1,
        job_id="j" if state is State.RUNNING else None,
        unknown_since=LONG_AGO,
    )


def _outcomes() -> Iterator[Outcome]:
    yield Accepted("j")
    yield NotSent("vetoed")
    yield Unclear("lost")
    for kind in ErrorKind:
        yield Refused(CloudProblem("DBS.1", "no", kind, 400))


def _claimed() -> tuple[Request, ...]:
    return as_claimed(
        Batch(
            id="b1",
            target="prod",
            group="default",
            requests=(_in(State.QUEUED),),
            attempt_ids=("a2",),
            owner="me",
            windows=(),
            opening_start=None,
            opening_end=None,
            signed_at=NIGHT,
            fenced=True,
            body_sha256="",
            config_hash="",
            tzdata_version="",
            instance_versions=(None,),
        )
    )


def _answers() -> Iterator[Change]:
    sending = _in(State.SUBMITTING)
    for outcome in _outcomes():
        for request in (sending, replace(sending, attempts=POLICY.retry_attempts)):
            for suspects in (None, "b1"):
                yield settle(request, outcome, a_result(), POLICY, suspects)


def _late_answers() -> Iterator[Change | None]:
    for state in State:
        for outcome in _outcomes():
            for attempt_id in ("a1", "of long ago"):
                yield settle_late(_in(state), attempt_id, outcome, a_result(), POLICY)


def _looks() -> Iterator[Change | None]:
    queued = _in(State.QUEUED)
    for facts in (
        {},
        {"mode": "Single"},
        {"patch_available": False},
        {"actions": ("RESTARTING",)},
        {"status": "frozen"},
    ):
        yield settle_look(queued, an_instance(**facts), NIGHT)
    yield settle_look(queued, None, NIGHT)
    for word in ("Running", "Completed", "Failed"):
        yield adopt(queued, _job(word), NIGHT, "the cloud has started it already")


def _jobs() -> Iterator[Change | None]:
    running = _in(State.RUNNING)
    for word in ("Running", "Completed", "Failed", "Paused"):
        yield settle_job(running, _job(word), NIGHT)
    yield settle_gone(running, "the version changed", an_instance(), NIGHT)
    yield settle_gone(running, "", an_instance(), NIGHT)
    yield settle_gone(running, "", None, NIGHT)


def _evidence() -> Iterator[Change]:
    for state in (State.UNKNOWN, State.RUNNING):
        request = replace(_in(state), job_id=None)
        for resends in (0, 1):
            for finding in _findings():
                for tally in (Tally(), Tally(negative=9, changed=9, inconclusive=9)):
                    doubt = Doubt(LONG_AGO, fenced=True, whole_version="4.0.3.5")
                    inquiry = Inquiry(
                        replace(request, resends=resends),
                        doubt,
                        finding,
                        NIGHT,
                        NIGHT,
                        tally,
                        POLICY,
                    )
                    yield settle_finding(inquiry).change


def _findings() -> Iterator[Finding]:
    for word in ("Running", "Completed", "Failed"):
        yield Finding(Kind.JOB, "a job", _job(word))
    for kind in (Kind.UPGRADING, Kind.CHANGED, Kind.INCONCLUSIVE, Kind.UNANSWERED, Kind.NEGATIVE):
        yield Finding(kind, "seen")


def _people() -> Iterator[Change]:
    verbs: list[Rule] = [
        lambda one, verb=verb: verb(one, NIGHT, "kim", "why")  # type: ignore[misc]  # bound at once
        for verb in (
            intake.hold,
            intake.unhold,
            intake.cancel,
            intake.retry,
            intake.acknowledge,
        )
    ]
    for state in State:
        for request in (_in(state), replace(_in(state), held_reason="why not")):
            decisions = [verb(request) for verb in verbs]
            decisions += [
                resolve(request, resolution, NIGHT, "kim", "why", Tally())
                for resolution in Resolution
            ]
            yield from (one for one in decisions if isinstance(one, Change))


def _job(word: str) -> Job:
    return Job("j", a_request().instance_id, word, NIGHT, progress="9%")
