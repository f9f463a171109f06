"""Two hundred seeds of a whole installation in trouble: every promise is kept in each."""

import pytest

from simulation.checker import check
from simulation.report import told
from simulation.simulation import simulate

SEEDS = 200
SHARE = 10
"""Seeds a test, so that several processes share them."""


@pytest.mark.parametrize("first", range(0, SEEDS, SHARE))
def test_no_promise_is_broken_whatever_goes_wrong(first: int) -> None:
    for seed in range(first, first + SHARE):
        run = simulate(seed)
        found = check(run)
        assert not found, told(run, found)


def test_a_call_that_arrives_beside_anothers_failed_job_meets_no_second_one() -> None:
    run = simulate(19481)
    assert not check(run), told(run, check(run))
