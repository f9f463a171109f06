"""pgqueuer: jobs in PostgreSQL.

Its defaults take ten jobs at once, run them side by side and write their ends from a buffer: a
crash runs again what had ended. Durable means here: one job taken at a time, calls one by one.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator

import httpx
import psycopg
from pgqueuer import PgQueuer, Queries
from pgqueuer.db import PsycopgDriver
from pgqueuer.models import Job

from benchmarks.peers import outcomes


async def connect() -> psycopg.AsyncConnection:
    return await psycopg.AsyncConnection.connect(outcomes.conninfo(), autocommit=True)


async def fill() -> None:
    outcomes.make_table()
    async with await connect() as connection:
        queries = Queries(PsycopgDriver(connection))
        await queries.install()
        payloads: list[bytes | None] = [json.dumps(ids).encode() for ids in outcomes.jobs()]
        await queries.enqueue(["upgrade"] * len(payloads), payloads, [0] * len(payloads))


@contextlib.asynccontextmanager
async def nobody_else() -> AsyncIterator[None]:
    yield


async def run() -> None:
    connection, own = await connect(), await connect()
    queuer = PgQueuer.from_psycopg_connection(connection)
    one_by_one, writing = asyncio.Lock(), asyncio.Lock()
    client = httpx.AsyncClient(trust_env=False)

    @queuer.entrypoint("upgrade")
    async def upgrade(job: Job) -> None:
        assert job.payload is not None
        async with nobody_else() if outcomes.is_default() else one_by_one:
            ids = json.loads(job.payload)
            answer = await client.post(outcomes.url(), json={"instance_ids": ids})
            async with writing, own.transaction(), own.cursor() as cursor:
                found = outcomes.outcomes_of(answer)
                await cursor.executemany("INSERT INTO outcome VALUES (%s, %s)", found)

    await queuer.run(batch_size=10 if outcomes.is_default() else 1)


if __name__ == "__main__":
    asyncio.run(fill() if sys.argv[1] == "fill" else run())
