"""The systemd unit."""

import os
import re
import shutil
import subprocess
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from offpeakd.adapters.huaweicloud.address import Address

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "offpeakd.service"
MISSING = shutil.which("systemd-analyze") is None


@pytest.fixture
def analyze() -> str:
    """The command; a machine for continuous integration must have it."""
    if MISSING and not os.environ.get("CI"):
        pytest.skip("systemd-analyze is not on this machine: apt-get install systemd")
    return "systemd-analyze"


def test_systemd_has_nothing_to_say_about_it(analyze: str, tmp_path: Path) -> None:
    copy = tmp_path / "offpeakd.service"
    text = re.sub(r"^ExecStart=.*$", "ExecStart=/bin/true", UNIT.read_text(), flags=re.MULTILINE)
    copy.write_text(text)

    said = subprocess.run(
        [analyze, "verify", str(copy)], capture_output=True, text=True, check=False
    )

    assert (said.stdout, said.stderr) == ("", "")


def test_its_exposure_is_low(analyze: str) -> None:
    rated = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=15", str(UNIT)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert rated.returncode == 0, rated.stdout[-200:]


def test_stopping_has_time_for_the_longest_call() -> None:
    found = re.search(r"^TimeoutStopSec=(\d+)s$", UNIT.read_text(), re.MULTILINE)
    assert found is not None
    longest = sum(
        (
            field.default
            for field in fields(Address)
            if field.name.endswith("_timeout") and isinstance(field.default, timedelta)
        ),
        timedelta(0),
    )

    assert timedelta(0) < longest < timedelta(seconds=int(found[1]))
