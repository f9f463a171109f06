"""The linter's bans hold: a planted offence is found."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("offence", "rule"),
    [
        ("from datetime import UTC, datetime\n\nNOW = datetime.now(UTC)\n", "TID251"),
        ("import time\n\nNOW = time.time()\n", "TID251"),
        ("import time\n\ntime.sleep(1)\n", "TID251"),
        ("from unittest import mock\n\nFAKE = mock.Mock()\n", "TID251"),
    ],
    ids=["datetime.now", "time.time", "time.sleep", "mock"],
)
def test_a_clock_a_sleep_or_a_mock_outside_its_place_is_refused(offence: str, rule: str) -> None:
    found = subprocess.run(
        [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--stdin-filename",
            "src/offpeakd/core/planted.py",
            "-",
        ],
        input=offence,
        text=True,
        capture_output=True,
        cwd=ROOT,
        check=False,
    )

    assert found.returncode == 1
    assert rule in found.stdout


def test_locked_requirements_name_no_index_and_no_folder() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        lines = [
            line for line in lock.read_text().splitlines() if not line.startswith("    --hash")
        ]
        assert not [line for line in lines if "://" in line or line.startswith("-")], lock.name
