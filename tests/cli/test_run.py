"""`offpeakd run`: what holds while a daemon starts, and no longer."""

import gc
import os
from io import StringIO
from pathlib import Path

import pytest

from cli.conftest import Command
from fakes.installation import Installation
from fakes.set_clock import SetClock
from offpeakd import app
from offpeakd.app import running
from offpeakd.cli.context import Invocation
from offpeakd.cli.main import main
from offpeakd.core.errors import CredentialsError, OffpeakdError
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.options import EmulatorSettings


def test_a_start_that_is_refused_leaves_the_garbage_collector_at_work(
    offpeakd: Command, folder: Path
) -> None:
    (folder / "offpeakd.yaml").write_text("timezone: Nowhere/Else\n")

    assert offpeakd("run").code != 0
    assert gc.isenabled()


def test_a_daemon_that_runs_collects_garbage_and_leaves_what_it_was_started_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = EmulatorSettings(instances=1)
    with Emulator(settings, SetClock()) as cloud, Installation(tmp_path, cloud) as site:
        invocation = Invocation(dict(os.environ), tmp_path)
        try:
            code = main(("--config", str(site.config), "run", "--until-idle"), invocation)
            assert gc.get_freeze_count() > 0
        finally:
            gc.unfreeze()

    assert (code, gc.isenabled()) == (0, True)
    assert "stopped" in capsys.readouterr().err


def test_what_is_built_is_told_once_before_the_daemon_works(tmp_path: Path) -> None:
    told: list[bool] = []
    log = StringIO()
    settings = EmulatorSettings(instances=1)
    with Emulator(settings, SetClock()) as cloud, Installation(tmp_path, cloud) as site:
        configuration = app.read_daemon_configuration(site.config, os.environ, tmp_path)
        code = app.run_daemon(
            configuration,
            lambda: configuration,
            os.environ,
            until_idle=True,
            log_to=log,
            built=lambda: told.append("started" in log.getvalue()),
        )

    assert (code, told) == (0, [False])
    assert "started" in log.getvalue()


def test_a_password_is_read_by_who_opens_the_database_and_no_reload_needs_it(folder: Path) -> None:
    config = folder / "offpeakd.yaml"
    text = """database: {url: "postgresql://me@127.0.0.1/x", password_file: gone}
timezone: UTC
windows: {always: {always: true}}
targets: {prod: {region: eu-west-101, project_id: 0123456789abcdef0123456789abcdef}}
"""
    config.write_text(text)
    read = app.read_daemon_configuration(config, {}, folder)

    with pytest.raises(CredentialsError, match="gone can't be read"):
        read.database.address()


def test_a_reload_that_meets_another_version_of_the_program_says_so() -> None:
    def fail() -> app.DaemonConfiguration:
        raise ImportError("cannot import name 'x'")

    with pytest.raises(OffpeakdError, match="ImportError: cannot import name 'x'") as raised:
        running._read_anew(fail)
    assert "restart the daemon" in raised.value.fix
