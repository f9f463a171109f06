"""The demo, as a newcomer runs it."""

import os
import pty
import re
import subprocess
import sys

COMMAND = [sys.executable, "-m", "offpeakd", "demo", "--instances", "12"]


def test_without_a_terminal_it_prints_plain_lines_and_where_to_look() -> None:
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("12 instances asked for; the window opens at ")
    assert "\n  12 queued\n" in done.stdout
    assert "calls sent 12 instances, never more than 10 at once" in done.stdout
    assert "requests: 12 succeeded" in done.stdout
    config = re.search(r"--config (\S+) list", done.stdout)
    assert config is not None
    left = subprocess.run(
        [sys.executable, "-m", "offpeakd", "--config", config[1], "list", "-o", "ids"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert len(left.stdout.split()) == 12


def test_on_a_terminal_it_shows_a_live_view() -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(COMMAND, stdout=theirs, stderr=theirs, stdin=theirs) as process:
        os.close(theirs)
        shown = _read_all(ours)
        assert process.wait(120) == 0
    os.close(ours)

    assert "opening" in shown
    assert "█" in shown
    assert "requests: 12 succeeded" in shown


def _read_all(terminal: int) -> str:
    parts = []
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # what a terminal says when nobody writes to it any more
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts).decode(errors="replace")
