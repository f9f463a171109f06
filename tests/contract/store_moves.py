"""What daemons and people do to requests, as hypothesis draws it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from hypothesis import strategies as st

from fakes.wishes import instance_id, wish
from offpeakd.core import intake
from offpeakd.core.batch import BatchResult
from offpeakd.core.change import AttemptResult, Change
from offpeakd.core.lane import Stop
from offpeakd.core.model import ALLOWED, IN_FLIGHT, LIVE, Request, State
from offpeakd.core.outcomes import Accepted, CloudProblem, ErrorKind, NotSent, Refused, Unclear
from offpeakd.core.seen import Instance, Job
from offpeakd.core.settle import settle_job, settle_look
from offpeakd.ports import Filter, Limits

MINUTE: Final = timedelta(minutes=1)
DAEMONS: Final = ("one", "other")
PEOPLE: Final = ("command",)
TARGETS: Final = ("prod", "test")
GROUPS: Final = ("default", "late")
INSTANCES: Final = tuple(instance_id(number) for number in range(4))

callers: Final = st.sampled_from(DAEMONS + PEOPLE)
daemons: Final = st.sampled_from(DAEMONS)
# One target and one group are busier than the others: that is where calls meet.
targets: Final = st.sampled_from(("prod", "prod", *TARGETS))
groups: Final = st.sampled_from(("default", "default", *GROUPS))
minutes: Final = st.integers(0, 20)
limits: Final = st.integers(1, 5)

bounds: Final = st.none() | st.builds(Limits, st.integers(1, 6), st.just(10_000))
"""Room in flight may run out; calls a minute, which are counted by a real clock, never do."""

Draft = tuple[int, str, str, int, int | None, int | None]
drafts: Final[st.SearchStrategy[Draft]] = st.tuples(
    st.integers(0, len(INSTANCES) - 1),
    targets,
    groups,
    st.integers(1, 3),
    st.none() | st.none() | minutes,
    st.none() | st.none() | minutes,
)
FIRST: Final[tuple[Draft, ...]] = (
    (0, "prod", "default", 2, None, None),
    (1, "prod", "default", 1, None, 20),
    (2, "test", "default", 2, None, None),
    (0, "test", "late", 2, 10, None),
)
UNDER_WAY: Final[tuple[Draft, ...]] = (
    (2, "prod", "default", 2, None, None),
    (3, "prod", "default", 2, None, None),
)


def asked_for(draft: Draft, now: datetime) -> Request:
    number, target, group, priority, wait, deadline = draft
    return wish(
        number,
        target=target,
        group=group,
        priority=priority,
        requested_at=now,
        wait_until=None if wait is None else now + wait * MINUTE,
        wait_reason=None if wait is None else "not-before",
        deadline=None if deadline is None else now + deadline * MINUTE,
    )


def like(view: Request) -> Draft:
    return INSTANCES.index(view.instance_id), view.target, view.group, 1, None, None


def _problem(kind: ErrorKind) -> CloudProblem:
    return CloudProblem(f"DBS.{kind.value}", f"it was {kind.value}", kind, 400)


outcomes: Final = st.one_of(
    st.builds(Accepted, st.sampled_from([f"job-{number}" for number in range(4)])),
    st.just(NotSent("the gate closed")),
    st.just(Unclear("the answer was lost")),
    st.builds(Refused, st.sampled_from(ErrorKind).map(_problem)),
)


def result_at(now: datetime, *, answered: bool) -> BatchResult:
    if answered:
        return BatchResult(
            "answered", now, sent_at=now, http_status=202, cloud_request_id="req", answer="{}"
        )
    return BatchResult("unclear", now, message="nothing came back")


VERBS: Final = (intake.retry, intake.cancel, intake.hold, intake.unhold, intake.acknowledge)
UNDECIDED: Final = frozenset({State.UNKNOWN, State.RUNNING, State.NEEDS_REVIEW})
choices: Final = st.integers(0, 59)
"""Which of the moves that are possible: any number of them up to six is chosen from fairly."""


def decisions(view: Request, now: datetime, who: str) -> list[Change]:
    """What a person may decide about a request as it was read."""
    decided = (verb(view, now, who, "CHG-1") for verb in VERBS)
    return [one for one in decided if isinstance(one, Change)]


def news(view: Request, now: datetime) -> list[Change]:
    """What a daemon may learn of a request as it was read."""
    if view.state is State.QUEUED:
        others = [group for group in GROUPS if group != view.group]
        return [_passed_over(view, now), *(_regrouped(view, group) for group in others)]
    if view.state not in UNDECIDED:
        return []
    found = [_found_out(view, state, now) for state in sorted(ALLOWED[view.state])]
    if view.state is State.RUNNING:
        jobs = (settle_job(view, _job_of(view, word), now) for word in JOB_WORDS)
        found += [change for change in jobs if change is not None]
    return found


JOB_WORDS: Final = ("Running", "Completed", "Failed", "Paused")


def _job_of(view: Request, word: str) -> Job:
    return Job(view.job_id or "job", view.instance_id, word, progress="9%")


def _passed_over(view: Request, now: datetime) -> Change:
    """The look before the call found the instance busy."""
    change = settle_look(view, Instance(view.instance_id, now, actions=("RESTARTING",)), now)
    assert change is not None
    return change


def _regrouped(view: Request, group: str) -> Change:
    return Change(view, replace(view, group=group), "regrouped")


def _found_out(view: Request, state: State, now: datetime) -> Change:
    """Evidence, or a person, says what became of a request whose outcome was open."""
    facts: dict[str, object] = {}
    if state is State.RUNNING:
        facts["job_id"] = f"found-{view.id}"
    if state not in LIVE:
        facts["finished_at"] = now
    known = AttemptResult(
        None if state in {State.UNKNOWN, State.NEEDS_REVIEW} else "started",
        evidence=f'{{"seen": "{state.value}"}}',
        resolved_by="reconcile",
    )
    after = view.moved_to(state, now, **facts)
    return Change(view, after, "found_out", "ann", {"state": state.value}, known)


stops: Final = st.builds(
    lambda scope, kind, now, count: Stop(scope, kind, "why", "ann", now, count=count),
    st.sampled_from(["*", *TARGETS]),
    st.sampled_from(["pause", "throttled", "credentials"]),
    st.just(wish(0).requested_at),
    st.integers(1, 3),
)

filters: Final = st.builds(
    Filter,
    st.frozensets(st.sampled_from(State), max_size=3),
    st.frozensets(targets, max_size=2),
    st.frozensets(st.sampled_from(GROUPS), max_size=1),
    st.none() | st.sampled_from(INSTANCES),
)

flights: Final = st.frozensets(st.sampled_from(sorted(IN_FLIGHT)))
