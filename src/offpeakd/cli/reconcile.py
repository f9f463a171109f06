"""`offpeakd reconcile`: one look at what became of unknown attempts, beside a running daemon."""

from typing import Final

import click

from offpeakd import app
from offpeakd.cli.choices import known
from offpeakd.cli.context import Invocation
from offpeakd.cli.options import common_options, output_option, pass_invocation
from offpeakd.cli.output import Format, Json, count_of, say, table_lines, write_object
from offpeakd.cli.safe_text import safe
from offpeakd.core.errors import OffpeakdError
from offpeakd.core.settle_evidence import Ruling
from offpeakd.service.reconcile import Reconciled

NONE_LEFT: Final = 0
SOME_LEFT: Final = 3
_HEADS: Final = ("ID", "INSTANCE", "TARGET", "STATE", "FOUND", "FOLLOWS")


@click.command()
@click.option("--target", metavar="NAME", help="Only this target; all unless given.")
@output_option("table", "json")
@common_options
@pass_invocation
def reconcile(invocation: Invocation, *, target: str | None, form: Format) -> int:
    """Look in the cloud what became of requests whose outcome is unknown.

    The daemon does so by itself; this is for looking now. It only reads from the cloud, and may
    run beside the daemon. Ends with 0 when none is left unknown, else with 3.
    """
    passes = {name: _look(invocation, name) for name in _targets(invocation, target)}
    rulings = [ruling for done in passes.values() for ruling in done.rulings]
    if form is Format.JSON:
        write_object([_record(ruling) for ruling in rulings])
    elif rulings:
        for line in table_lines(_HEADS, [_row(ruling) for ruling in rulings]):
            click.echo(line)
    unlooked = _say_stops(passes)
    errors = [done.error for done in passes.values() if done.error is not None]
    if errors:
        raise _worst(errors)
    left = sum(done.unknown for done in passes.values())
    if not rulings and not unlooked:
        say("nothing is unknown")
    elif left:
        say(f"{count_of(left, 'request')} left unknown")
    return SOME_LEFT if left else NONE_LEFT


def _targets(invocation: Invocation, target: str | None) -> list[str]:
    names = sorted(invocation.settings().settings.targets)
    return names if target is None else [known("target", target, names)]


def _look(invocation: Invocation, target: str) -> Reconciled:
    settings, store, clock = invocation.settings(), invocation.store(), invocation.timepiece()
    with app.reconciler(settings, invocation.environ, store, clock, target) as reconciling:
        return reconciling.run_once()


def _say_stops(passes: dict[str, Reconciled]) -> bool:
    """Whether some target could not be looked at."""
    stopped = {name: done.stop for name, done in passes.items() if done.stop is not None}
    for name, stop in stopped.items():
        say(
            f"target '{safe(name)}' is not asked now: {safe(stop.reason, 400)}\n"
            f"  `offpeakd resume --target {safe(name)} --reason TEXT` has it tried at once"
        )
    return bool(stopped)


def _worst(errors: list[OffpeakdError]) -> OffpeakdError:
    """Of several targets' errors the one with the lowest code: what a person can mend."""
    return min(errors, key=lambda error: error.exit_code if error.exit_code > 1 else 9)


def _row(ruling: Ruling) -> tuple[str, ...]:
    after = ruling.change.after
    return (
        str(after.id),
        after.instance_id,
        safe(after.target),
        after.state.value,
        safe(ruling.finding.sentence, 400),
        safe(ruling.follows, 400),
    )


def _record(ruling: Ruling) -> dict[str, Json]:
    after = ruling.change.after
    return {
        "id": after.id,
        "target": after.target,
        "instance_id": after.instance_id,
        "was": ruling.change.before.state.value,
        "state": after.state.value,
        "job_id": after.job_id,
        "evidence": ruling.finding.kind.value,
        "found": ruling.finding.sentence,
        "follows": ruling.follows,
    }
