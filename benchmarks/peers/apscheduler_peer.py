"""APScheduler with an SQLAlchemy job store, a dated job each: as one would write it first.

It takes a job out of its store when it hands it to its threads, and loads all that are due at
once: a crash loses them.
"""

import os
import signal
import sys
from datetime import timedelta

from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

from benchmarks.peers import outcomes
from offpeakd import app


def upgrade(ids: list[str]) -> None:
    outcomes.upgrade_into_file(ids)


def scheduler() -> BackgroundScheduler:
    return BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(url="sqlite:///queue.db")},
        # Otherwise jobs that are a second late are dropped.
        job_defaults={"misfire_grace_time": None},
        timezone="UTC",
    )


def fill() -> None:
    outcomes.make_file()
    queue = scheduler()
    queue.start(paused=True)
    due = app.system_clock().now() - timedelta(minutes=1)
    for ids in outcomes.jobs():
        queue.add_job("benchmarks.peers.apscheduler_peer:upgrade", "date", run_date=due, args=[ids])
    # Its shutdown looks through the queue once more, and takes out what is due.
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill()
    else:
        scheduler().start()
        signal.pause()
