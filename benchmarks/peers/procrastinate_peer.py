"""procrastinate: jobs in PostgreSQL. Its claim is a committed UPDATE: durable as it comes."""

import sys

import procrastinate

from benchmarks.peers import outcomes

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=outcomes.conninfo()))


@app.task(name="upgrade")
def upgrade(ids: list[str]) -> None:
    outcomes.upgrade_into_server(ids)


def fill() -> None:
    outcomes.make_table()
    with app.open():
        app.schema_manager.apply_schema()
        upgrade.batch_defer(*({"ids": ids} for ids in outcomes.jobs()))


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill()
    else:
        app.run_worker(concurrency=1)
