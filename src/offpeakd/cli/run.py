"""`offpeakd run`: the daemon in the foreground."""

import gc
from functools import partial

import click

from offpeakd.cli.context import Invocation
from offpeakd.cli.options import common_options


@click.command()
@click.option("--until-idle", is_flag=True, help="Stop when nothing is left to do.")
@click.option(
    "--targets",
    multiple=True,
    metavar="PATTERN",
    help="Serve only targets whose names fit, such as 'cn-*'. Repeatable.",
)
@common_options
@click.pass_obj
def run(invocation: Invocation, *, until_idle: bool, targets: tuple[str, ...]) -> int:
    """Release requests inside their windows, follow their jobs, until told to stop.

    SIGTERM finishes the call in flight and ends with 0; a second one ends at once. SIGHUP reads
    the configuration anew. With --until-idle: 0 when everything is finished, 3 when something
    waits for a person.

    With --targets a daemon keeps to some of the targets, such as those near it. Others that
    share its PostgreSQL database serve the rest, and take over what they are permitted to.
    """
    # Hardly anything that a start makes is garbage, and looking for it takes a tenth of the time.
    gc.disable()
    try:
        from offpeakd import app

        where = (invocation.config_path, invocation.environ, invocation.cwd)
        # Where a traceback is wanted, it shall lead to where an error came from.
        first = app.read_daemon_configuration if invocation.debug else app.read_while_loading
        configuration = first(*where)
        for warning in configuration.warnings:
            click.echo(f"offpeakd: {warning}", err=True)
        return app.run_daemon(
            configuration,
            partial(app.read_daemon_configuration, *where),
            invocation.environ,
            until_idle=until_idle,
            only=targets,
            built=_collect_what_follows,
        )
    finally:
        gc.enable()


def _collect_what_follows() -> None:
    """What the start made stays to the end: no collection needs to walk over it again."""
    gc.freeze()
    gc.enable()
