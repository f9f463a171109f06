"""`offpeakd demo`: a night in a minute, on a terminal as a live view, else as plain lines."""

import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import click

from offpeakd.cli.context import Invocation
from offpeakd.cli.options import pass_invocation

if TYPE_CHECKING:
    from offpeakd.demo import Scene, Tally
    from offpeakd.ports import Store

SIGNALLED: Final = 128
"""Exit codes above this say that a signal ended the run."""

LOOK: Final = timedelta(milliseconds=400)


@click.command()
@click.option("--instances", type=click.IntRange(1, 2000), default=200, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="The same fleet again.")
@pass_invocation
def demo(invocation: Invocation, *, instances: int, seed: int) -> int:
    """Play one maintenance window against a pretended cloud on this machine.

    Nothing leaves the machine and no account is needed. The configuration, the database and the
    log stay behind to be looked at.
    """
    from offpeakd import app
    from offpeakd import demo as play

    clock = invocation.timepiece()
    with play.scene(clock, instances, seed) as stage:
        loaded = app.load_settings(stage.config, {}, stage.folder)
        store = app.open_store(loaded, {})
        try:
            number = play.ask_for_all(stage, store, clock.now())
            click.echo(
                f"{number} instances asked for; the window opens at "
                f"{stage.opens_at:%H:%M:%S} UTC, in {play.OPENS_IN.seconds} s"
            )
            with _shown(stage, store):
                code = play.run(stage, invocation.environ)
            _summary(stage, play.tally(store), play.batches(stage))
        finally:
            store.close()
    return code if code >= SIGNALLED else 0


@contextmanager
def _shown(stage: "Scene", store: "Store") -> Generator[None]:
    """Show how the requests stand while the daemon works."""
    stopped = threading.Event()
    show = _live if sys.stdout.isatty() else _lines
    viewer = threading.Thread(target=show, args=(stage, store, stopped), name="view")
    viewer.start()
    try:
        yield
    finally:
        stopped.set()
        viewer.join()


def _lines(_stage: "Scene", store: "Store", stopped: threading.Event) -> None:
    from offpeakd import demo as play

    for tally in play.watch(store, stopped, LOOK):
        click.echo(f"  {tally.line()}")


def _live(stage: "Scene", store: "Store", stopped: threading.Event) -> None:
    from rich.live import Live
    from rich.table import Table

    from offpeakd import demo as play

    def picture(tally: "Tally") -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_row("opening", f"from {stage.opens_at:%H:%M:%S} UTC")
        calls = play.batches(stage)
        table.add_row("calls", f"{len(calls)}, of {', '.join(map(str, calls[-12:])) or 'none'}")
        total = sum(tally.by_state.values())
        for state, number in tally.by_state.items():
            table.add_row(state.value, f"{number:4d} {'█' * (number * 40 // max(total, 1))}")
        for code, number in tally.refusals.items():
            table.add_row(f"  {code}", f"{number:4d}")
        return table

    with Live(refresh_per_second=4) as live:
        for tally in play.watch(store, stopped, LOOK):
            live.update(picture(tally))


def _summary(stage: "Scene", tally: "Tally", calls: tuple[int, ...]) -> None:
    click.echo()
    click.echo(
        f"{len(calls)} calls sent {sum(calls)} instances, never more than {max(calls)} at once"
    )
    click.echo(f"requests: {tally.line()}")
    for code, number in sorted(tally.refusals.items()):
        click.echo(f"  failed with {code}: {number}")
    click.echo()
    click.echo("Look around:")
    for command in ("status", "list --state failed", "failures", "show 1"):
        click.echo(f"  offpeakd --config {stage.config} {command}")
    click.echo(f"Database: {stage.folder}/offpeakd.db   Log: {stage.folder}/offpeakd.log")
