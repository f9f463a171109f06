"""A daemon with 20 targets outside their openings, for a minute: its processor time."""

import threading
from datetime import timedelta

from benchmarks.bed.bench import Bench
from benchmarks.bed.installation import queue_in, run_command
from benchmarks.bed.running import program
from benchmarks.bed.tell import Row
from offpeakd import app

TARGETS = 20
MOST = 0.150


def measure(bench: Bench) -> list[Row]:
    seconds = bench.of(60, 5)
    folder = bench.folder()
    now = app.system_clock().now()
    start, end = now + timedelta(hours=6), now + timedelta(hours=8)
    config = queue_in(
        folder, f"sqlite:///{folder / 'offpeakd.db'}", "http://127.0.0.1:9", 2000, TARGETS
    )
    shut = f'windows: {{w: {{days: [daily], from: "{start:%H:%M}", to: "{end:%H:%M}"}}}}'
    config.write_text(config.read_text().replace("windows: {always: {always: true}}", shut))
    ticking = threading.Event()
    with program(run_command(folder, "run"), folder) as running:
        ticking.wait(5)
        before = running.processor_seconds()
        ticking.wait(seconds)
        spent = running.processor_seconds() - before
        resident, most = running.memory()
    return [
        Row(
            f"idle for {seconds} s, {TARGETS} targets with 100 requests each, none open:"
            " processor time (one run)",
            f"{spent * 1000:.0f} ms; {resident:.0f} MB resident, {most:.0f} MB at the most",
            "-",
            "-",
            f"≤ {MOST * 1000:.0f} ms",
            spent <= MOST * seconds / 60,
        )
    ]
