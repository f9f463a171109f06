"""`offpeakd pause` and `offpeakd resume`: the brake."""

import click

from offpeakd.cli.choices import known
from offpeakd.cli.context import Invocation
from offpeakd.cli.options import common_options, pass_invocation, reason_option
from offpeakd.cli.output import say
from offpeakd.cli.safe_text import safe
from offpeakd.core.clock_text import both_clocks
from offpeakd.core.lane import Stop
from offpeakd.service import stops

_TARGET = click.option("--target", metavar="NAME", help="Only this target; all unless given.")


@click.command()
@_TARGET
@reason_option
@common_options
@pass_invocation
def pause(invocation: Invocation, *, target: str | None, reason: str) -> None:
    """Stop releasing, at once and until `offpeakd resume`.

    Upgrades that the cloud has started go on.
    """
    scope = _scope(invocation, target)
    now = invocation.now()
    before = stops.pause(invocation.store(), scope, invocation.actor(), reason, now)
    click.echo(f"{whose(scope)} paused; nothing more is sent")
    if before is not None:
        say(f"it was paused already by {_words(before)}; your reason takes its place")


@click.command()
@_TARGET
@reason_option
@common_options
@pass_invocation
def resume(invocation: Invocation, *, target: str | None, reason: str) -> None:
    """Let releases go on inside their windows.

    Also lifts what the cloud's refusals and outages stopped, so that it is tried at once.
    Without --target, pauses of single targets stay.
    """
    scope = _scope(invocation, target)
    resumed = stops.resume(invocation.store(), scope, invocation.actor(), reason)
    if not resumed.lifted:
        click.echo("nothing was stopped")
    for stop in resumed.lifted:
        click.echo(f"{whose(stop.scope)} no longer stopped: {stop.kind} by {_words(stop)}")
    now, zone = invocation.now(), invocation.zone()
    for stop in resumed.left:
        name = "" if stop.scope == stops.EVERYTHING else f" --target {stop.scope}"
        say(
            f"{whose(stop.scope)} still paused since {both_clocks(stop.since, zone, now)} by "
            f"{_words(stop)}\n  `offpeakd resume{name} --reason TEXT` ends that"
        )


def _scope(invocation: Invocation, target: str | None) -> str:
    if target is None:
        return stops.EVERYTHING
    return known("target", target, invocation.settings().settings.targets)


def whose(scope: str) -> str:
    """A stop's scope with its verb."""
    return "every target is" if scope == stops.EVERYTHING else f"target '{safe(scope)}' is"


def _words(stop: Stop) -> str:
    return f"{safe(stop.actor)}: {safe(stop.reason)}"
