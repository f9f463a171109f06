"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import click

from offpeakd.cli.context import Invocation

if TYPE_CHECKING:
    from offpeakd.cli.output import Format

Decorated = TypeVar("Decorated", bound=Callable[..., object] | click.Command)

pass_invocation: Final = click.make_pass_decorator(Invocation)
"""Gives the command its `Invocation` as first argument."""


def _keep_config(ctx: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.ensure_object(Invocation).config_path = value


def _keep_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    if value:
        ctx.ensure_object(Invocation).debug = True


def common_options(command: Decorated) -> Decorated:
    """Add `--config` and `--debug`, which are taken before and after the subcommand."""
    debug = click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=_keep_debug,
        help="Show the traceback of an error.",
    )
    config = click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=_keep_config,
        help="Configuration file.",
    )
    return config(debug(command))


def output_option(*choices: str) -> Callable[[Decorated], Decorated]:
    """Add `-o/--output` with these formats; the first one is the default."""
    return click.option(
        "-o",
        "--output",
        "form",
        type=click.Choice(choices),
        default=choices[0],
        callback=_as_format,
        help="Output format.",
        show_default=True,
    )


def _as_format(_: click.Context, __: click.Parameter, value: str) -> "Format":
    from offpeakd.cli.output import Format

    return Format(value)


def reason_option(command: Decorated) -> Decorated:
    """Add the required `--reason`."""
    return click.option(
        "--reason", required=True, metavar="TEXT", help="Why; kept in the history."
    )(command)
