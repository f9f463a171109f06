"""Writes down what came of calls, whatever the store or somebody else does meanwhile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from offpeakd.core.batch import BatchResult
from offpeakd.core.change import Change
from offpeakd.core.errors import DatabaseError
from offpeakd.core.late import settle_late
from offpeakd.core.model import Request
from offpeakd.core.outcomes import Accepted, Outcome
from offpeakd.ports import Store
from offpeakd.service.rules import Rules

_log = structlog.get_logger("answers")


@dataclass(frozen=True, slots=True)
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


@dataclass(slots=True)
class Answers:
    """One lane's answers on their way into the store.

    Attributes:
        target: the lane's.
        store: where they go.
        rules: the configuration in force.
        unstored: those that wait for the store to be sound again.
    """

    target: str
    store: Store
    rules: Callable[[], Rules]
    unstored: list[Answer] = field(default_factory=list[Answer], init=False)

    def keep(self, answer: Answer) -> None:
        """Store it before anything else is done."""
        self.unstored.append(answer)

    def record(self, answer: Answer) -> None:
        """Store it; where the store fails it is kept.

        Raises:
            DatabaseError: the store can't be written.
        """
        try:
            self._store(answer)
        except DatabaseError as error:
            self.keep(answer)
            _log.error(
                "answer_not_stored",
                target=self.target,
                batch=answer.batch_id,
                error=error.message,
                jobs={one.before.instance_id: one.after.job_id for one in answer.changes},
            )
            raise

    def store_what_is_left(self) -> None:
        """Nothing is released until every answer is stored.

        Raises:
            DatabaseError: the store still can't be written.
        """
        while self.unstored:
            answer = self.unstored[0]
            self._store(answer)
            self.unstored.pop(0)
            _log.info("answer_stored", target=self.target, batch=answer.batch_id)

    def _store(self, answer: Answer) -> None:
        lost = frozenset(self.store.record(answer.batch_id, answer.result, answer.changes))
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
