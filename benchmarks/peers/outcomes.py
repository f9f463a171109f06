"""What every peer's job does: one call, then one durable transaction with what came of it."""

import os
import sqlite3
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import httpx
import psycopg

from benchmarks.bed.stub import instance_id, project_id
from benchmarks.loops import sqlite_loop

TABLE = "CREATE TABLE outcome (instance_id text PRIMARY KEY, job_id text NOT NULL)"
FILE = Path("outcomes.db")
COUNT = "SELECT count(*) FROM outcome"
_turn = threading.Lock()
Outcomes = list[tuple[str, str]]


def is_default() -> bool:
    """Whether the peer runs with its own defaults, instead of durably."""
    return os.environ["PEER_DURABLE"] == "no"


def jobs() -> list[list[str]]:
    """The instances of each job."""
    items, size = int(os.environ["PEER_ITEMS"]), int(os.environ["PEER_SIZE"])
    ids = [instance_id(project_id(), number) for number in range(items)]
    return [ids[at : at + size] for at in range(0, items, size)]


def url() -> str:
    return f"{os.environ['PEER_ENDPOINT']}/v3/{project_id()}/instances/db-upgrade"


def conninfo() -> str:
    return os.environ["PEER_CONNINFO"]


def outcomes_of(answer: httpx.Response) -> Outcomes:
    answer.raise_for_status()
    return [(one["instance_id"], one["job_id"]) for one in answer.json()["upgrade_results"]]


@cache
def _client() -> httpx.Client:
    return httpx.Client(trust_env=False)


@cache
def _file() -> sqlite3.Connection:
    return sqlite_loop.connect(FILE, check_same_thread=False)


@cache
def _there() -> psycopg.Connection:
    return psycopg.connect(conninfo(), autocommit=True)


def upgrade_into_file(ids: Sequence[str]) -> None:
    """For peers without PostgreSQL: outcomes in SQLite, with offpeakd's pragmas."""
    found = outcomes_of(_client().post(url(), json={"instance_ids": list(ids)}))
    with _turn:
        connection = _file()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO outcome VALUES (?, ?)", found)
        connection.execute("COMMIT")


def upgrade_into_server(ids: Sequence[str]) -> None:
    found = outcomes_of(_client().post(url(), json={"instance_ids": list(ids)}))
    with _there().transaction(), _there().cursor() as cursor:
        cursor.executemany("INSERT INTO outcome VALUES (%s, %s)", found)


def make_file() -> None:
    _file().execute(TABLE)


def make_table() -> None:
    _there().execute(TABLE)
