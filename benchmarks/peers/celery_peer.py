"""Celery, with a broker that needs no server.

Durable means here: its SQLAlchemy transport on SQLite, whose claim is a committed UPDATE, and
acknowledged late. Beside it: its file system transport with its defaults, which acknowledges
before the job runs and syncs nothing.
"""

import sys
from pathlib import Path

from celery import Celery

from benchmarks.peers import outcomes

app = Celery("upgrades")
app.conf.update(worker_prefetch_multiplier=1, broker_connection_retry_on_startup=True)
if outcomes.is_default():
    folder = "queue"
    app.conf.update(
        broker_url="filesystem://",
        broker_transport_options={
            "data_folder_in": folder,
            "data_folder_out": folder,
            "control_folder": "control",
        },
    )
else:
    app.conf.update(broker_url="sqla+sqlite:///queue.db", task_acks_late=True)


@app.task(name="upgrade", ignore_result=True)
def upgrade(ids: list[str]) -> None:
    outcomes.upgrade_into_file(ids)


def fill() -> None:
    outcomes.make_file()
    for name in ("queue", "control"):
        Path(name).mkdir()
    for ids in outcomes.jobs():
        upgrade.delay(ids)


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill()
    else:
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "ERROR"]
        app.worker_main(["worker", "--pool", "solo", *quiet])
