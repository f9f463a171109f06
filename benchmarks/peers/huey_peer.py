"""huey on SQLite: takes a job by deleting it, before it runs. A crash loses that job.

Durable means here `fsync=True` and no stored results; its default leaves SQLite's own setting.
"""

import sys

from huey import SqliteHuey

from benchmarks.peers import outcomes

huey = (
    SqliteHuey(filename="queue.db")
    if outcomes.is_default()
    else SqliteHuey(filename="queue.db", fsync=True, results=False)
)


@huey.task()
def upgrade(ids: list[str]) -> None:
    outcomes.upgrade_into_file(ids)


def fill() -> None:
    outcomes.make_file()
    for ids in outcomes.jobs():
        upgrade(ids)


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill()
    else:
        huey.create_consumer(workers=1).run()
