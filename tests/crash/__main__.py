"""The long storm, by hand: `make crash KILLS=1000`, and `SEED=…` to see one again."""

import argparse
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from random import SystemRandom

from crash.storm import a_storm
from fakes.postgres import fresh_database
from offpeakd import app

ROUND = 40
"""Kills of one installation; then another one begins, on the other kind of database."""


def main() -> int:
    """Storm until there were enough kills, or a promise is broken."""
    asked = argparse.ArgumentParser(prog="make crash", description=__doc__)
    asked.add_argument("--kills", type=int, default=1000)
    asked.add_argument("--seed", type=int, default=None)
    given = asked.parse_args()
    seed = SystemRandom().randrange(10**9) if given.seed is None else given.seed
    done = 0
    while done < given.kills:
        lives = min(ROUND, given.kills - done)
        with tempfile.TemporaryDirectory(prefix="offpeakd-crash-") as folder:
            if not _round(Path(folder), seed, lives, postgresql=bool(seed % 2)):
                return 1
        done += lives
        seed += 1
        print(f"{done} of {given.kills} kills: nothing twice, nothing outside, nothing lost")
    return 0


def _round(folder: Path, seed: int, lives: int, *, postgresql: bool) -> bool:
    """Whether every promise held."""
    kind = "PostgreSQL" if postgresql else "SQLite"
    began = app.system_clock().boottime()
    with (
        fresh_database() if postgresql else nullcontext() as database,
        a_storm(folder, seed, lives, database) as storm,
    ):
        storm.told = lambda life: print(
            f"\r{kind}, seed {seed}: {life} of {lives} kills, "
            f"{len(storm.site.cloud.world.calls)} calls",
            end="",
            flush=True,
        )
        try:
            storm.rage(lives)
            assert storm.calm(), "some requests never become final"
            storm.check()
        except AssertionError as broken:
            kept = Path(tempfile.mkdtemp(prefix=f"offpeakd-crash-{seed}-")) / "log"
            kept.write_text(storm.site.log())
            print(
                f"\n{broken}\nThe daemon's log: {kept}\nAgain: make crash KILLS={lives} SEED={seed}"
            )
            return False
        took = (app.system_clock().boottime() - began).total_seconds()
        calls = len(storm.site.cloud.world.calls)
        print(f"\r{kind}, seed {seed}: {lives} kills, {calls} calls, {took:.0f} s" + " " * 20)
    return True


if __name__ == "__main__":
    sys.exit(main())
