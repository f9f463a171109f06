"""What the seed decides: the kind of installation, and how often what goes wrong."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from simulation.baton import HOUR, MINUTE, SECOND

T = TypeVar("T")

TROUBLE: Final = 3 * HOUR
"""How long things go wrong; after that they don't."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A window of every day, in simulated time of its first day.

    Attributes:
        start: first instant.
        end: first instant after it.
        cutoff: releasing stops so long before the end.
    """

    start: int
    end: int
    cutoff: int


@dataclass(frozen=True, slots=True)
class Traits:
    """What one seed's installation and its troubles are like.

    Attributes:
        replicas: two daemons share a database, instead of one that holds it.
        permissive: the cloud would start a second upgrade of a busy instance.
        tells_versions: the region's listing has full versions and whether there is a patch.
        fenced: calls are signed; otherwise they carry a token, which does not go stale.
        restored: the database is put back as it was some time before.
        stale: for less than a minute at a time, reads show the cloud as it was long before.
        steps: the machines' wall clocks are set while the daemons run.
        faulty_store: writes fail now and then, with and without having been committed.
        crash: chance of a crash at a step of a release.
        freeze: chance of a freeze there.
        trouble: chance that a call meets a fault.
        openings: when the windows are open.
        instances: how many there are.
        batch_size: of a call at the most.
    """

    replicas: bool
    permissive: bool
    tells_versions: bool
    fenced: bool
    restored: bool
    stale: bool
    steps: bool
    faulty_store: bool
    crash: float
    freeze: float
    trouble: float
    openings: tuple[Opening, ...]
    instances: int
    batch_size: int


class Fate:
    """One seed's choices, in the order in which they are asked for."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.traits = self._traits()

    def _traits(self) -> Traits:
        restored = self.happens(0.25)
        return Traits(
            replicas=self.happens(0.4),
            permissive=self.happens(0.8),
            tells_versions=self.happens(0.7),
            fenced=self.happens(0.9),
            restored=restored,
            stale=not restored and self.happens(0.4),
            steps=self.happens(0.25),
            faulty_store=self.happens(0.3),
            crash=self.one_of((0.0, 0.02, 0.05)),
            freeze=self.one_of((0.0, 0.03, 0.08)),
            trouble=self.one_of((0.0, 0.4, 0.6, 0.8)),
            openings=self._openings(),
            instances=self.chance.randint(8, 18),
            batch_size=self.one_of((2, 4, 10)),
        )

    def _openings(self) -> tuple[Opening, ...]:
        """Some short ones in the time of trouble, and a long one after it."""
        openings: list[Opening] = []
        at = self.chance.randint(2, 10) * MINUTE
        while at < TROUBLE - 20 * MINUTE:
            length = self.chance.randint(8, 50) * MINUTE
            cutoff = self.one_of((0, 0, 2 * MINUTE, 5 * MINUTE))
            openings.append(Opening(at, at + length, cutoff))
            at += length + self.chance.randint(3, 40) * MINUTE
        start = max(at, TROUBLE + 30 * MINUTE)
        openings.append(Opening(start - start % MINUTE, 23 * HOUR, 0))
        return tuple(openings)

    def happens(self, chance: float) -> bool:
        """Whether something of this chance happens."""
        return self.chance.random() < chance

    def one_of(self, items: Sequence[T]) -> T:
        """One of several."""
        return items[int(self.chance.random() * len(items))]

    def between(self, least: int, most: int) -> int:
        """A length of time, microsecond by microsecond."""
        return least + int(self.chance.random() * (most - least + 1))

    def freeze(self) -> int:
        """How long something stands still: mostly short, at times longer than any time-out."""
        least, most = self.one_of(
            (
                (SECOND // 10, 9 * SECOND),
                (11 * SECOND, 55 * SECOND),
                (60 * SECOND, 4 * MINUTE),
                (5 * MINUTE, 45 * MINUTE),
            )
        )
        return self.between(least, most)
