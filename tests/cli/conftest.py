"""The command as people call it, with a clock that stands still and a database of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fakes.set_clock import SetClock
from offpeakd.cli.context import Invocation
from offpeakd.cli.main import main

NOW = datetime(2026, 11, 24, 15, 48, tzinfo=UTC)
"""Tuesday 16:48 in Amsterdam: six hours and twelve minutes before the window."""

CONFIG = """\
timezone: Europe/Amsterdam
database: {{url: "sqlite:///{folder}/queue.db"}}
targets:
  prod-eu: {{region: eu-west-101, project_id: 054e292c9880d4992f02c0196d3ea468}}
windows:
  weeknights: {{days: [mon-thu], from: "23:00", to: "05:00", cutoff: 45m}}
"""


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


Command = Callable[..., Ended]


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "offpeakd.yaml").write_text(CONFIG.format(folder=tmp_path))
    return tmp_path


@pytest.fixture
def offpeakd(folder: Path, clock: SetClock, capsys: pytest.CaptureFixture[str]) -> Command:
    def call(*arguments: str) -> Ended:
        invocation = Invocation({"SUDO_USER": "zhang"}, folder, clock=clock)
        code = main(arguments, invocation)
        caught = capsys.readouterr()
        return Ended(code, caught.out, caught.err)

    return call
