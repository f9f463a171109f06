"""Adds, claims and settles on a database, and tells after each that it is done: by making a file."""

import sys
from pathlib import Path

from fakes.wishes import ANSWERED, accepted, added, batch_of, wish
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.core.batch import as_claimed
from offpeakd.core.model import State
from offpeakd.ports import Limits, Settled


def main(file: str) -> None:
    """Three transactions, as a release has them."""
    folder = Path(file).parent
    store = SqlStore(f"sqlite:///{file}", "me")
    wishes = added(store, *(wish(number) for number in range(30)))
    (folder / "told").open("a").close()
    first = batch_of(wishes[:10], "b1")
    assert store.claim(first, Limits(500, 500))
    (folder / "told").open("a").close()
    changes = [accepted(one, f"job-{one.id}") for one in as_claimed(first)]
    second = batch_of(wishes[10:20], "b2")
    assert store.claim(second, Limits(500, 500), Settled("b1", ANSWERED, tuple(changes)))
    (folder / "told").open("a").close()
    assert len(store.in_flight("prod", frozenset({State.RUNNING}), 0, 50)) == 10
    store.close()


if __name__ == "__main__":
    main(sys.argv[1])
