"""`offpeakd completion`: the script that teaches a shell our commands."""

import click
from click.shell_completion import get_completion_class

from offpeakd.cli.context import Invocation
from offpeakd.cli.options import common_options, pass_invocation


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@common_options
@pass_invocation
def completion(_: Invocation, shell: str) -> None:
    """Print completion for a shell.

    For bash: offpeakd completion bash > ~/.local/share/bash-completion/completions/offpeakd
    """
    from offpeakd.cli.main import COMPLETE_VARIABLE

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    root = click.get_current_context().find_root().command
    click.echo(found(root, {}, "offpeakd", COMPLETE_VARIABLE).source())
