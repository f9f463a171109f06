"""A release that dies at its n-th write to the disk, for every n there is."""

import shutil
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from crash.victims import Victims, needs_strace
from fakes.installation import patiently
from fakes.real_lane import a_lane
from offpeakd import app
from offpeakd.adapters.sql.address import address_of
from offpeakd.adapters.sql.schema import LATEST, Schema, Standing, check, current, ensure, upgrade
from offpeakd.adapters.sql.transactions import Database
from offpeakd.core.model import State
from offpeakd.core.policy import Policy
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.fleet import ORDINARY
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.share import path_of

HASTY = Policy(
    fence=timedelta(milliseconds=500),
    reconcile_every=timedelta(milliseconds=50),
    looks=2,
)
TURNS = 2
"""The counts are dealt out to so many tests, which may run side by side."""


def settings() -> EmulatorSettings:
    return EmulatorSettings(
        instances=3,
        mix=ORDINARY,
        job_duration=timedelta(milliseconds=50),
        job_visible_after=timedelta(0),
        permissive=True,
    )


@needs_strace
@pytest.mark.parametrize("turn", range(TURNS))
def test_killed_at_any_sync_a_release_ends_as_the_cloud_says(tmp_path: Path, turn: int) -> None:
    deaths = 0
    ensure(f"sqlite:///{tmp_path}/empty.db")
    with Victims(tmp_path) as victims:
        for sync in count(1 + turn, TURNS):
            url = f"sqlite:///{shutil.copy(tmp_path / 'empty.db', tmp_path / f'{sync}.db')}"
            with Emulator(settings(), app.system_clock()) as cloud:
                with a_lane(url, cloud.settings, cloud.url, HASTY) as lane:
                    lane.ask(*cloud.world.instances)
                killed = victims.killed_at(sync, "release", url, cloud.url)
                assert check(url) == ()
                ends_as_the_cloud_says(url, cloud, sync)
            if not killed:
                break
            deaths += 1
    # Fewer would mean that the count does not reach the writes at all: a claim, an outcome with
    # the next claim, and the last outcome are three transactions of several syncs each.
    assert deaths * TURNS >= 12


def ends_as_the_cloud_says(url: str, cloud: Emulator, sync: int) -> None:
    """What the next run makes of it."""
    with a_lane(url, cloud.settings, cloud.url, HASTY) as lane:
        lane.recover.run_once()
        sent = {one for call in cloud.world.calls for one in call.instance_ids}
        queued = {name for name, one in lane.requests().items() if one.state is State.QUEUED}
        # Later looks would find out as well; but what may have been sent is never queued.
        assert not sent & queued, f"killed at sync {sync}"
        assert patiently(lane.work, 15), f"killed at sync {sync}: {lane.requests()}"
        requests = lane.requests()
    jobs = {job.instance_id: job.id for job in cloud.world.jobs}
    assert set(cloud.world.starts.values()) == {1}, f"killed at sync {sync}"
    assert {one: request.job_id for one, request in requests.items()} == jobs
    assert {request.state for request in requests.values()} == {State.SUCCEEDED}
    assert check(url) == ()


@needs_strace
def test_scenario_38_a_migration_killed_at_any_sync_is_done_or_undone_whole(
    tmp_path: Path,
) -> None:
    old = tmp_path / "old.db"
    of_the_first_schema(old)
    seen: set[Schema] = set()
    with Victims(tmp_path) as victims:
        for sync in count(1):
            url = f"sqlite:///{shutil.copy(old, tmp_path / f'{sync}.db')}"
            killed = victims.killed_at(sync, "upgrade", url)
            found = current(url)
            seen.add(found)
            upgrade(url, app.system_clock().now() + timedelta(hours=1))
            assert current(url) == Schema(Standing.CURRENT, LATEST)
            assert check(url) == ()
            if not killed:
                break
    assert seen == {Schema(Standing.OLDER, "0001"), Schema(Standing.CURRENT, LATEST)}


def of_the_first_schema(file: Path) -> None:
    """A database as the first version of the program made it."""
    config = Config()
    config.set_main_option("script_location", str(path_of("alembic")))
    file.touch(0o600)
    database = Database(address_of(f"sqlite:///{file}"))
    with database.write() as connection:
        if not connection.in_transaction():
            connection.begin()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    with database.write() as connection:
        connection.execute(
            sa.text("INSERT INTO control VALUES ('*','pause','r','a','2026',NULL,1)")
        )
    database.close()
