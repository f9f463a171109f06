"""What the record of a run says of calls, requests and upgrades, put together."""

from dataclasses import dataclass

from offpeakd.core.model import State
from simulation.baton import SECOND
from simulation.cloud import Upgrade
from simulation.simulation import Ended


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken.

    Attributes:
        rule: its short name.
        at: when, in simulated microseconds.
        what: how.
    """

    rule: str
    at: int
    what: str

    def __str__(self) -> str:
        return f"{self.rule} at {self.at / SECOND:.3f}: {self.what}"


class Evidence:
    """One run's.

    Attributes:
        starts: upgrades that our calls started.
        foreseeable: those of them that somebody could know of before they began.
        requests: by call and instance, the requests it was claimed for, with when.
    """

    def __init__(self, run: Ended) -> None:
        self._records = run.records
        self.starts = [one for one in run.world.upgrades if one.call is not None]
        self.foreseeable = [one for one in self.starts if not self._forgotten_on_its_way(one)]
        self.requests = _requests_by_call(run)

    def _forgotten_on_its_way(self, start: Upgrade) -> bool:
        """Its call is forgotten, and arrived when the copy was in place."""
        return any(restored < start.started for restored in self._forgetting(start))

    def is_forgotten(self, start: Upgrade) -> bool:
        """Its call was made before the database was put back, and after the copy was made."""
        return bool(self._forgetting(start))

    def _forgetting(self, start: Upgrade) -> list[int]:
        written = self._records.claimed_at.get(start.call or "", 0)
        return [
            restored
            for restored in self._records.restored_at
            if self._records.saved_at < written <= restored
        ]

    def lives(self, start: Upgrade) -> list[tuple[int, int]]:
        """Requests that this start is for; a retry by a person begins another life."""
        return [
            (request, self.retries_before(request, at))
            for request, at in self.requests.get((start.call or "", start.instance_id), ())
        ]

    def retries_before(self, request: int, at: int) -> int:
        """How often a person had asked for it once more."""
        return sum(
            move.request == request and move.event == "retried" and move.at <= at
            for move in self._records.moves
        )

    def attempts_of(self, start: Upgrade) -> set[str]:
        """The attempts whose call started it."""
        return {
            attempt
            for batch in self._records.batches.get(start.call or "", ())
            for request, attempt in zip(batch.requests, batch.attempt_ids, strict=True)
            if request.instance_id == start.instance_id
        }


def _requests_by_call(run: Ended) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """By call and instance: the requests it was claimed for, with when."""
    when = {
        move.attempt: move.at
        for move in run.records.moves
        if move.after is State.SUBMITTING and move.attempt
    }
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for call, batches in run.records.batches.items():
        for batch in batches:
            for request, attempt in zip(batch.requests, batch.attempt_ids, strict=True):
                key = (call, request.instance_id)
                found.setdefault(key, []).append((request.id, when[attempt]))
    return found
