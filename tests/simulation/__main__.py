"""By hand: many seeds with progress, one seed with its whole trace, or the negative controls.

`make simulate SEEDS=20000`, `SEED=17 make simulate`, `make simulate CONTROLS=100`.
"""

import argparse
import multiprocessing
import sys
from collections import Counter

from simulation.checker import check
from simulation.controls import CONTROLS
from simulation.report import told, whole_trace
from simulation.simulation import simulate

EVERY = 100


def _seed(seed: int) -> tuple[int, str]:
    run = simulate(seed)
    found = check(run)
    return seed, told(run, found) if found else ""


def _control(given: tuple[str, int]) -> tuple[str, frozenset[str]]:
    name, seed = given
    found = check(simulate(seed, CONTROLS[name][0]))
    return name, frozenset(one.rule for one in found)


def _one(seed: int) -> int:
    run = simulate(seed)
    found = check(run)
    print(whole_trace(run))
    print(told(run, found, last=0) if found else f"seed {seed} kept every promise")
    return 1 if found else 0


def _many(first: int, seeds: int, processes: int) -> int:
    broken = 0
    with multiprocessing.Pool(processes) as pool:
        whole = range(first, first + seeds)
        for done, (_seed_number, text) in enumerate(pool.imap_unordered(_seed, whole, 10), 1):
            if text:
                broken += 1
                print(text, flush=True)
            if done % EVERY == 0 or done == seeds:
                print(f"{done} of {seeds} seeds, {broken} broke a promise", flush=True)
    return 1 if broken else 0


def _controls(seeds: int, processes: int) -> int:
    caught: Counter[str] = Counter()
    rules: dict[str, Counter[str]] = {name: Counter() for name in CONTROLS}
    given = [(name, seed) for name in CONTROLS for seed in range(seeds)]
    with multiprocessing.Pool(processes) as pool:
        for name, broken in pool.imap_unordered(_control, given, 10):
            rules[name].update(broken)
            caught[name] += bool(broken & CONTROLS[name][1])
    for name, (_, expected) in CONTROLS.items():
        by_rule = ", ".join(f"{rule} {count}" for rule, count in sorted(rules[name].items()))
        wanted = "/".join(sorted(expected))
        print(f"{name:<16} {caught[name]:>5} of {seeds} by {wanted:<10} ({by_rule})")
    return 1 if any(caught[name] == 0 for name in CONTROLS) else 0


def main() -> int:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(prog="simulate", description=__doc__)
    parser.add_argument("--seed", type=int, help="one seed, with its whole trace")
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--controls", type=int, help="the negative controls, so many seeds each")
    parser.add_argument("--processes", type=int, default=multiprocessing.cpu_count())
    given = parser.parse_args()
    if given.seed is not None:
        return _one(given.seed)
    if given.controls is not None:
        return _controls(given.controls, given.processes)
    return _many(given.first, given.seeds, given.processes)


if __name__ == "__main__":
    sys.exit(main())
