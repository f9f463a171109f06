"""What may never happen at any moment: a second start, a call outside, a forbidden move."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from offpeakd.core.batch import BATCH_LIMIT
from offpeakd.core.late import LATE
from offpeakd.core.model import ALLOWED, State
from simulation.baton import DAY, SECOND
from simulation.evidence import Evidence, Violation
from simulation.records import FirstByte, Move
from simulation.simulation import Ended

GUARD: Final = 10 * SECOND
DECISION_AGE: Final = 10 * SECOND
TRUSTED: Final = 32 * SECOND
"""A wall clock may be 30 s off before anybody notices, and `Date` counts whole seconds."""


class Moments:
    """One run's calls and moves."""

    def __init__(self, run: Ended, evidence: Evidence) -> None:
        self.run = run
        self.records = run.records
        self.evidence = evidence

    def violations(self) -> Iterator[Violation]:
        """Every rule in turn."""
        yield from self.starts_once()
        yield from self.inside_openings()
        yield from self.whole_batches()
        yield from self.allowed_moves()
        yield from self.looked_before_sending()

    # ------------------------------------------------------------------ I1

    def starts_once(self) -> Iterator[Violation]:
        """A request starts at most one upgrade, and none while another of ours runs."""
        counted: Counter[tuple[int, int]] = Counter()
        for start in self.evidence.foreseeable:
            for life in self.evidence.lives(start):
                counted[life] += 1
                if counted[life] > 1:
                    what = f"request {life[0]} started {start.job_id}, its second upgrade"
                    yield Violation("I1", start.started, what)
        for one in self.evidence.foreseeable:
            for other in self.evidence.foreseeable:
                if (
                    one is not other
                    and one.instance_id == other.instance_id
                    and one.started <= other.started < one.ends
                ):
                    what = f"{other.job_id} started while {one.job_id} was running"
                    yield Violation("I1", other.started, what)

    # ------------------------------------------------------------------ I2

    def inside_openings(self) -> Iterator[Violation]:
        """Every first byte lies inside an opening, by the machine's clock and by the right one."""
        for byte in self.records.first_bytes:
            slack = TRUSTED if self.run.fate.traits.steps else 2 * SECOND
            # Standing still while the gate looks uses up the guard, which is there for it.
            looked = min(byte.at - byte.gate_began, DECISION_AGE)
            if not self._open(byte.at + byte.offset, 0, looked):
                yield Violation("I2", byte.at, f"{byte.call} outside, by the machine's clock")
            if not self._open(byte.at, slack, looked) and not byte.stepped:
                yield Violation("I2", byte.at, f"{byte.call} outside, by the right clock")
            yield from self._shut(byte)

    def _open(self, at: int, slack: int, looked: int) -> bool:
        day, guarded = at - at % DAY, at + GUARD - looked
        return any(
            day + one.start - slack <= at and guarded - slack < day + one.end - one.cutoff
            for one in self.run.fate.traits.openings
        )

    def _shut(self, byte: FirstByte) -> Iterator[Violation]:
        slack = TRUSTED if self.run.fate.traits.steps else 2 * SECOND
        for start, end in byte.frozen:
            if start + slack <= byte.at < end - slack:
                yield Violation("I2", byte.at, f"{byte.call} while a freeze ran")
        if byte.at + byte.offset < byte.notice_until and not byte.stepped:
            yield Violation("I2", byte.at, f"{byte.call} while a reload kept it shut")
        for pause in self.records.pauses:
            if pause.since <= byte.gate_began and (pause.until is None or byte.at < pause.until):
                yield Violation("I2", byte.at, f"{byte.call} while everything was paused")

    # ------------------------------------------------------------------ I3, I4

    def whole_batches(self) -> Iterator[Violation]:
        """At most ten instances a call, each once, written down before the first byte."""
        for byte in self.records.first_bytes:
            ids = byte.instance_ids
            if not 1 <= len(ids) <= BATCH_LIMIT or len(set(ids)) != len(ids):
                yield Violation("I3", byte.at, f"{byte.call} names {ids}")
            if not byte.claimed_at:
                yield Violation("I3", byte.at, f"{byte.call} was not written down before")

    def allowed_moves(self) -> Iterator[Violation]:
        """No state follows another that it may not follow, nor by the wrong hand."""
        for move in self.records.moves:
            words = f"request {move.request}: {move.before} → {move.after} by {move.by}"
            if move.after not in ALLOWED[move.before] and not _only_told(move):
                yield Violation("I4", move.at, words)
            if move.before is State.UNKNOWN and move.after is State.SUBMITTING:
                yield Violation("I4", move.at, words)
            if self._taken_back_by_another(move):
                yield Violation("I4", move.at, f"{words}, whose call it was not")
            if self._disproved(move):
                yield Violation("proof", move.at, f"{words}, although the cloud started it")

    def _taken_back_by_another(self, move: Move) -> bool:
        return (
            move.before is State.SUBMITTING
            and move.after is not State.UNKNOWN
            and move.owner != move.by
        )

    def _disproved(self, move: Move) -> bool:
        """Said not to have been started, and yet the call started it, before or after."""
        if move.after not in {State.QUEUED, State.CANCELLED} or move.event == "retried":
            return False
        if move.before not in {State.SUBMITTING, State.UNKNOWN} or move.attempt is None:
            return False
        return any(
            move.attempt in self.evidence.attempts_of(start) for start in self.evidence.starts
        )

    # ------------------------------------------------------------------ the look

    def looked_before_sending(self) -> Iterator[Violation]:
        """No call is old, nor names an instance that could have been seen to be busy for long."""
        seen_within = 90 * SECOND
        for byte in self.records.first_bytes:
            late = byte.gate_began - byte.claimed_at
            if byte.claimed_at and late > DECISION_AGE:
                what = f"{byte.call} was decided on {late / SECOND:.0f} s before"
                yield Violation("age", byte.at, what)
            for one in self.run.world.upgrades:
                busy = one.started + seen_within < byte.at < one.ends
                if one.instance_id in byte.instance_ids and busy and not self.run.fate.traits.stale:
                    what = f"{byte.call} names {one.instance_id}, busy with {one.job_id}"
                    yield Violation("look", byte.at, what)


def _only_told(move: Move) -> bool:
    """A late answer that changes no state is a line of the history, whatever the state is."""
    return move.event == LATE and move.before is move.after
