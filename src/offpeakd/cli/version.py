"""`offpeakd version`: what a report of a fault should name."""

import click

from offpeakd.cli.context import Invocation
from offpeakd.cli.options import common_options, output_option, pass_invocation
from offpeakd.cli.output import Format, write_object


@click.command()
@output_option("table", "json")
@common_options
@pass_invocation
def version(_: Invocation, *, form: Format) -> None:
    """Print the versions of the program and of what it stands on."""
    from offpeakd import app

    found = app.versions()
    if form is Format.JSON:
        write_object(found)
        return
    for name, text in found.items():
        click.echo(f"{'offpeakd' if name == 'version' else name:<9} {text}")
