"""`offpeakd demo`: everything against the built-in emulator, with a configuration one can read.

The opening starts in seconds: a window that is open, kept shut by a freeze until then.
"""

import os
import tempfile
import threading
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from offpeakd import app
from offpeakd.core.clock_text import rfc3339
from offpeakd.core.model import Request, State
from offpeakd.core.values import value
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.ports import Clock, Filter, Store

TARGET: Final = "demo"
OPENS_IN: Final = timedelta(seconds=6)
PATIENCE: Final = timedelta(seconds=45)
"""Requests expire when they still wait after this: frozen instances never get better here."""

PAGE: Final = 500


@value
class Scene:
    """The demo's files and the pretended cloud.

    Attributes:
        folder: holds configuration, key files and database.
        config: the configuration file.
        cloud: the emulator.
        opens_at: when the opening starts.
    """

    folder: Path
    config: Path
    cloud: Emulator
    opens_at: datetime


@contextmanager
def scene(clock: Clock, instances: int, seed: int) -> Generator[Scene]:
    """Start the emulator and write a configuration that points to it.

    Args:
        clock: for when the opening starts.
        instances: in the pretended cloud.
        seed: of its fleet.
    """
    settings = EmulatorSettings(
        instances=instances,
        seed=seed,
        job_duration=timedelta(seconds=3),
        job_duration_most=timedelta(seconds=8),
        job_visible_after=timedelta(seconds=1),
        busy_for=timedelta(seconds=15),
    )
    folder = Path(tempfile.mkdtemp(prefix="offpeakd-demo-"))
    with Emulator(settings, clock) as cloud:
        opens_at = (clock.now() + OPENS_IN).replace(microsecond=0)
        _write_key(folder / "demo.ak", settings.access_key)
        _write_key(folder / "demo.sk", settings.secret_key)
        config = folder / "offpeakd.yaml"
        config.write_text(_configuration(cloud.url, settings.project_id, opens_at, folder))
        yield Scene(folder, config, cloud, opens_at)


def ask_for_all(stage: Scene, store: Store, now: datetime) -> int:
    """Ask for an upgrade of every instance of the pretended cloud."""
    requests = [
        Request(
            TARGET,
            instance_id,
            now,
            reason="demo",
            requested_by="demo",
            deadline=stage.opens_at + PATIENCE,
        )
        for instance_id in stage.cloud.world.instances
    ]
    return sum(added.new for added in store.add(requests, "demo"))


def run(stage: Scene, environ: Mapping[str, str]) -> int:
    """Run the daemon until nothing is left to do; its exit code. Its log goes to a file."""
    read = partial(app.read_daemon_configuration, stage.config, environ, stage.folder)
    with (stage.folder / "offpeakd.log").open("a", encoding="utf-8") as log:
        return app.run_daemon(
            read(),
            read,
            environ,
            until_idle=True,
            log_to=log,
        )


@value
class Tally:
    """How the requests stand.

    Attributes:
        by_state: how many in each state.
        refusals: how many failed, by code.
    """

    by_state: Mapping[State, int]
    refusals: Mapping[str, int]

    def line(self) -> str:
        """One line for people."""
        parts = [f"{self.by_state.get(state, 0)} {state.value}" for state in State]
        return ", ".join(part for part in parts if not part.startswith("0 ")) or "nothing yet"


def tally(store: Store) -> Tally:
    """Count the requests."""
    by_state = {state: number for (_, state), number in store.counts().items()}
    refusals: Counter[str] = Counter()
    after = 0
    while page := store.page(Filter(states=frozenset({State.FAILED})), after, PAGE):
        refusals.update(request.error_code or "?" for request in page)
        after = page[-1].id
    return Tally(by_state, refusals)


def batches(stage: Scene) -> tuple[int, ...]:
    """Sizes of the calls that reached the pretended cloud."""
    return tuple(len(call.instance_ids) for call in stage.cloud.world.calls)


def watch(store: Store, stopped: threading.Event, every: timedelta) -> Iterator[Tally]:
    """Count again and again until stopped; each change once."""
    last: Tally | None = None
    while not stopped.wait(every.total_seconds()):
        now = tally(store)
        if now != last:
            last = now
            yield now


def _write_key(path: Path, key: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{key}\n")


def _configuration(url: str, project_id: str, opens_at: datetime, folder: Path) -> str:
    began = opens_at - OPENS_IN
    yesterday = (began - timedelta(days=1)).date()
    return f"""\
# Written by `offpeakd demo`. The cloud it points to lives as long as the demo.
timezone: UTC

targets:
  {TARGET}:
    region: eu-west-101
    project_id: {project_id}
    endpoint: {url}
    credentials: {{type: access_key, access_key_file: demo.ak, secret_key_file: demo.sk}}
    requests_per_minute: 600
    in_flight: 60

windows:
  tonight:
    dates: [{yesterday}..{began.date()}]
    from: "{began:%H:%M}"
    for: 24h

freezes:
  - name: curtain
    from: {yesterday}T00:00
    to: {opens_at:%Y-%m-%dT%H:%M:%S}
    reason: the demo opens in seconds

database: {{url: "sqlite:///{folder}/offpeakd.db"}}
release: {{poll: 500ms}}
retry: {{first: 5s}}
follow_up: {{every: 1s}}
log: {{level: info, format: auto}}
# opens {rfc3339(opens_at)}
"""
