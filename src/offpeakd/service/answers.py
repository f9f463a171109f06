"""Writes down what came of calls, whatever the store or somebody else does meanwhile."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from offpeakd.core.batch import BatchResult
from offpeakd.core.change import Change
from offpeakd.core.errors import DatabaseError
from offpeakd.core.late import settle_late
from offpeakd.core.model import Request
from offpeakd.core.outcomes import Accepted, Outcome
from offpeakd.core.values import value
from offpeakd.ports import Claim, Settled, Store
from offpeakd.service.rules import Rules

_log = structlog.get_logger("answers")


@value
class Answer:
    """What came of one call.

    Attributes:
        batch_id: whose.
        result: of the call.
        changes: what it makes of the requests as they were claimed.
        outcomes: of each request, by its id: for those that somebody moves meanwhile.
        cohort: name of the suspects, where the call was refused for one of them.
    """

    batch_id: str
    result: BatchResult
    changes: tuple[Change, ...]
    outcomes: Mapping[int, Outcome]
    cohort: str | None = None

    @property
    def settled(self) -> Settled:
        """What the store writes of it."""
        return Settled(self.batch_id, self.result, self.changes)


@dataclass(slots=True, eq=False, repr=False)
class Answers:
    """One lane's answers on their way into the store.

    Attributes:
        target: the lane's.
        store: where they go.
        rules: the configuration in force.
        unstored: those that wait for the store to be sound again.
        last: what came of the last call, while the next claim may still take it along.
    """

    target: str
    store: Store
    rules: Callable[[], Rules]
    unstored: list[Answer] = field(default_factory=list[Answer], init=False)
    last: Answer | None = field(default=None, init=False)

    def keep(self, answer: Answer) -> None:
        """Store it before anything else is done."""
        self.unstored.append(answer)

    def hold(self, answer: Answer) -> None:
        """It is stored with the next claim, or by `store_last`, at once."""
        self.last = answer
        self.store.begin_record(answer.settled)

    def record(self, answer: Answer) -> None:
        """Store it; where the store fails it is kept.

        Raises:
            DatabaseError: the store can't be written.
        """
        try:
            self._store(answer)
        except DatabaseError as error:
            self._refused(answer, error)
            raise

    def take_along(self, claim: Callable[[Settled | None], Claim]) -> Claim:
        """Claim the next batch, and store the last answer with it.

        Raises:
            DatabaseError: the store can't be written; whether it has the claim is not known.
        """
        answer, self.last = self.last, None
        if answer is None:
            return claim(None)
        try:
            claimed = claim(answer.settled)
            self._store_all_late(answer, claimed.lost)
        except DatabaseError as error:
            self._refused(answer, error)
            raise
        return claimed

    def store_last(self) -> None:
        """Store the last answer by itself: no claim follows at once.

        Raises:
            DatabaseError: the store can't be written; it is kept.
        """
        answer, self.last = self.last, None
        if answer is not None:
            self.record(answer)

    def store_what_is_left(self) -> None:
        """Nothing is released until every answer is stored that the store refused.

        Raises:
            DatabaseError: the store still can't be written.
        """
        while self.unstored:
            answer = self.unstored[0]
            self._store(answer)
            self.unstored.pop(0)
            _log.info("answer_stored", target=self.target, batch=answer.batch_id)

    def _refused(self, answer: Answer, error: DatabaseError) -> None:
        self.keep(answer)
        _log.error(
            "answer_not_stored",
            target=self.target,
            batch=answer.batch_id,
            error=error.message,
            jobs={one.before.instance_id: one.after.job_id for one in answer.changes},
        )

    def _store(self, answer: Answer) -> None:
        lost = self.store.record(answer.batch_id, answer.result, answer.changes)
        self._store_all_late(answer, lost)

    def _store_all_late(self, answer: Answer, lost: Sequence[int]) -> None:
        for claimed in (change.before for change in answer.changes if change.before.id in lost):
            self._store_late(answer, claimed)

    def _store_late(self, answer: Answer, claimed: Request) -> None:
        """Somebody moved the request meanwhile; its own answer still tells the most."""
        change = self._late_change(answer, claimed)
        if change is None or self.store.apply([change]):
            _log.info("lost_race", target=self.target, request=claimed.id)
            return
        _log.warning(
            "late_answer",
            target=self.target,
            request=claimed.id,
            instance=claimed.instance_id,
            state=change.after.state.value,
            **change.detail,
        )

    def _late_change(self, answer: Answer, claimed: Request) -> Change | None:
        stands = self.store.get(claimed.id)
        if stands is None or claimed.attempt_id is None:
            return None
        outcome = answer.outcomes[claimed.id]
        if isinstance(outcome, Accepted) and self._names(claimed.attempt_id, outcome.job_id):
            # Whatever became of the request since was decided with this job in view.
            return None
        return settle_late(
            stands,
            claimed.attempt_id,
            outcome,
            answer.result,
            self.rules().policy,
            answer.cohort,
        )

    def _names(self, attempt_id: str, job_id: str) -> bool:
        attempt = self.store.batch_of(attempt_id)
        return attempt is not None and attempt.result.job_id == job_id
