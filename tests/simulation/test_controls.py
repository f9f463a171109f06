"""With one protection taken away the checker finds a broken promise, or it is blind."""

import pytest

from simulation.checker import check
from simulation.controls import CONTROLS
from simulation.simulation import simulate

MOST = 200
"""Seeds tried before a control counts as not noticed."""

START = {"looks": 38, "preflight": 17}
"""Where to begin with controls that few seeds notice; others begin with the first seed."""


@pytest.mark.parametrize("name", CONTROLS)
def test_a_missing_protection_is_noticed(name: str) -> None:
    protections, rules = CONTROLS[name]
    first = START.get(name, 0)
    tried = (check(simulate(seed, protections)) for seed in range(first, first + MOST))
    assert any(one.rule in rules for found in tried for one in found), (
        f"{MOST} seeds without '{name}', and the checker noticed nothing of {sorted(rules)}"
    )
