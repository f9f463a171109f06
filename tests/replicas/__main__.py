"""By hand: many daemons, many targets, a long queue, and trouble all the while.

make replicas DAEMONS=5 TARGETS=20 REQUESTS=50000 TIMES=60
"""

import argparse
import sys
import tempfile
from pathlib import Path
from random import Random, SystemRandom

from fakes.postgres import Server
from offpeakd import app
from offpeakd.adapters.sql.schema import ensure
from replicas.replicas import Replicas, misfortune, replicas


def main() -> int:
    """Run it, and say what came of it."""
    wanted = _wanted()
    seed = wanted.seed if wanted.seed is not None else SystemRandom().randrange(10**6)
    print(f"seed {seed}", flush=True)
    clock = app.system_clock()
    began = clock.boottime()
    each = -(-wanted.requests // wanted.targets)
    server = Server(Path(tempfile.mkdtemp(prefix="offpeakd-replicas-")))
    server.start()
    try:
        ensure(server.url)
        folder = Path(tempfile.mkdtemp(prefix="offpeakd-site-"))
        with replicas(folder, server.url, wanted.targets, each, in_flight=each) as site:
            site.add(each)
            print(f"{len(site.wanted)} requests in {wanted.targets} targets", flush=True)

            def crash() -> None:
                server.stop_at_once()
                server.start()
                print("the server crashed and is back", flush=True)

            misfortune(site, Random(seed), wanted.daemons, wanted.times, crash)
            return _ended(site, (clock.boottime() - began).total_seconds(), wanted.patience)
    finally:
        server.remove()


def _ended(site: Replicas, so_far: float, patience: float) -> int:
    print(f"trouble over after {so_far:.0f} s; {dict(site.store.counts())}", flush=True)
    if not site.finish(patience):
        print(f"left over: {dict(site.store.counts())}\n{site.logs()[-2000:]}", file=sys.stderr)
        return 1
    site.check()
    print(f"each of {len(site.wanted)} requests was sent once, in its window; none is left over")
    return 0


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make replicas")
    for name, most in (("daemons", 5), ("targets", 20), ("requests", 50_000), ("times", 60)):
        parser.add_argument(f"--{name}", type=int, default=most)
    parser.add_argument("--patience", type=float, default=3600.0)
    parser.add_argument("--seed", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
