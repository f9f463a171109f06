"""offpeakd as somebody would install it: a configuration, two key files, a database."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path

from benchmarks.bed.stub import instance_id, project_id
from offpeakd import app
from offpeakd.adapters.sql.schema import ensure
from offpeakd.core.model import Request
from offpeakd.ports import Store

ALWAYS = "windows: {always: {always: true}}"
_AT_ONCE = 10_000


def configure(
    folder: Path,
    url: str,
    endpoint: str,
    targets: int = 1,
    windows: str = ALWAYS,
    most: int = 10_000,
) -> Path:
    """Write a configuration whose only limits are those that can't be lifted."""
    for name in ("key.ak", "key.sk"):
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write("BENCHMARKBENCHMARK00\n")
    each = "".join(
        f"  t{place}:\n"
        "    region: eu-west-101\n"
        f"    project_id: {project_id(place)}\n"
        f"    endpoint: {endpoint}\n"
        "    credentials: {type: access_key, access_key_file: key.ak, secret_key_file: key.sk}\n"
        f"    requests_per_minute: {most}\n"
        f"    in_flight: {most}\n"
        for place in range(targets)
    )
    config = folder / "offpeakd.yaml"
    config.write_text(
        f"timezone: UTC\ntargets:\n{each}database: {{url: '{url}'}}\nlog: {{format: json}}\n{windows}\n"
    )
    return config


def run_command(folder: Path, *arguments: str) -> list[str]:
    config = str(folder / "offpeakd.yaml")
    return [sys.executable, "-m", "offpeakd", "--config", config, *arguments]


@contextmanager
def a_store(config: Path) -> Iterator[Store]:
    store = app.open_store(app.load_settings(config, {}, config.parent), {})
    try:
        yield store
    finally:
        store.close()


def wishes(number: int, targets: int = 1) -> Iterator[Request]:
    now = app.system_clock().now() - timedelta(minutes=1)
    for place in range(targets):
        for one in range(number // targets):
            yield Request(f"t{place}", instance_id(project_id(place), one), now)


def fill(store: Store, requests: Iterable[Request]) -> None:
    left = iter(requests)
    while some := list(islice(left, _AT_ONCE)):
        store.add(some, "bench")


def queue_in(folder: Path, url: str, endpoint: str, number: int, targets: int = 1) -> Path:
    """A configured installation with so many requests waiting, equally many a target."""
    ensure(url)
    config = configure(folder, url, endpoint, targets)
    with a_store(config) as store:
        fill(store, wishes(number, targets))
    return config
