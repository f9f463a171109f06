"""Rows of the table, and the medians in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        figure: what was measured.
        ours: what offpeakd shows, with its unit.
        theirs: what the other side shows; what it gives up or keeps, where that matters.
        ratio: with its spread.
        goal: what it has to reach; empty for a line that only shows.
        reached: whether it does.
    """

    figure: str
    ours: str
    theirs: str
    ratio: str
    goal: str = ""
    reached: bool | None = None


@dataclass(frozen=True)
class Ratios:
    """Ratios of one run after another, each taken within its round."""

    each: tuple[float, ...]

    @property
    def middle(self) -> float:
        return median(self.each)

    def __str__(self) -> str:
        low, high = min(self.each), max(self.each)
        return f"{_short(self.middle)} x ({_short(low)} to {_short(high)})"


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Ratios:
    return Ratios(tuple(one / other for one, other in zip(ours, theirs, strict=True)))


def at_least(figure: str, ours: str, theirs: str, found: Ratios, goal: float) -> Row:
    text = f"≥ {goal:g} x" if goal != 1 else "faster"
    return Row(figure, ours, theirs, str(found), text, found.middle >= goal)


def at_most(figure: str, ours: str, theirs: str, found: Ratios, goal: float) -> Row:
    return Row(figure, ours, theirs, str(found), f"≤ {goal:g} x", found.middle <= goal)


def shown(figure: str, ours: str, theirs: str, found: Ratios) -> Row:
    return Row(figure, ours, theirs, str(found))


def middle(values: Sequence[float], unit: str, factor: float = 1.0) -> str:
    return f"{_short(median(values) * factor)} {unit}"


def _short(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
