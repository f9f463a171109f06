"""Reads the record of a run against what is promised: never twice, never outside, never lost."""

from collections.abc import Iterator

from simulation.endings import Endings
from simulation.evidence import Evidence, Violation
from simulation.moments import Moments
from simulation.simulation import Ended


def check(run: Ended) -> list[Violation]:
    """Everything that the run broke, the earliest first."""
    evidence = Evidence(run)
    found = [
        *_defects(run),
        *Moments(run, evidence).violations(),
        *Endings(run, evidence).violations(),
    ]
    return sorted(found, key=lambda one: (one.at, one.rule, one.what))


def _defects(run: Ended) -> Iterator[Violation]:
    """What should never be raised."""
    end = run.records.timeline.now
    for text in dict.fromkeys(run.records.defects):
        yield Violation("defect", end, text)
    if run.failure is not None:
        yield Violation("defect", end, repr(run.failure))
