"""How a seed went, and how to see it again."""

import re

from simulation.baton import SECOND
from simulation.evidence import Violation
from simulation.simulation import Ended

SHOWN = 60
"""Steps of the trace that are shown before a violation."""


def told(run: Ended, found: list[Violation], last: int = SHOWN) -> str:
    """What a seed broke, its last steps before that, and the command that replays it."""
    first = found[0]
    before = [line for line in run.records.lines if line[0] <= first.at]
    concerned = set(re.findall(r"request \d+|job-\d+|\b[0-9a-f]{10}\b", first.what))
    about = [line for line in before if any(_names(line[2], one) for one in concerned)]
    lines = sorted({*about[-last:], *before[-last // 2 :]}) if last else []
    shown = [f"{at / SECOND:12.3f}  {who:<12}  {what[:200]}" for at, who, what in lines]
    return "\n".join(
        [
            f"seed {run.seed} broke a promise:",
            *(f"  {one}" for one in found),
            f"  with {run.fate.traits}",
            "the steps before the first of them, and those that concern it:",
            *shown,
            f"replay, with every step: SEED={run.seed} make simulate",
        ]
    )


def _names(text: str, what: str) -> bool:
    return re.search(rf"{what}\b", text) is not None


def whole_trace(run: Ended) -> str:
    """Every step."""
    return "\n".join(
        f"{at / SECOND:12.3f}  {who:<12}  {what}" for at, who, what in run.records.lines
    )
