"""`offpeakd resolve`: a person says what became of requests that nothing proves."""

from typing import TYPE_CHECKING, Final

import click

from offpeakd.cli.context import Invocation
from offpeakd.cli.decisions import exit_code, print_decided
from offpeakd.cli.options import common_options, output_option, pass_invocation, reason_option
from offpeakd.cli.output import Format
from offpeakd.core import intake
from offpeakd.core.errors import UsageError
from offpeakd.core.model import Request
from offpeakd.core.resolve import Resolution
from offpeakd.core.resolve import resolve as rule
from offpeakd.core.tally import Tally
from offpeakd.service.decide import decide

if TYPE_CHECKING:
    from offpeakd.ports import Store

_DONE: Final = {
    Resolution.STARTED: "running; its result is followed up",
    Resolution.NOT_STARTED: "queued again",
    Resolution.CANCEL: "cancelled",
}


@click.command(no_args_is_help=True)
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option(
    "--as",
    "became",
    required=True,
    type=click.Choice([one.value for one in Resolution]),
    help="What became of them.",
)
@click.option("--job", metavar="JOB", help="With `--as started`: the cloud's job id, if known.")
@reason_option
@output_option("table", "json")
@common_options
@pass_invocation
def resolve(
    invocation: Invocation,
    ids: tuple[str, ...],
    *,
    became: str,
    job: str | None,
    reason: str,
    form: Format,
) -> int:
    """Say what became of requests that need a review.

    Look at the instances in the cloud's console first. `started` follows the upgrade up,
    `not-started` sends the request again at the next opening, `cancel` ends it.

    ID is a request's number or an instance id.
    """
    resolution = Resolution(became)
    job_id = _checked_job(job, resolution, ids)
    now, actor, why = invocation.now(), invocation.actor(), intake.stated(reason)
    store = invocation.store()

    def decision(request: Request) -> intake.Decision:
        return rule(request, resolution, now, actor, why, _tally(store, request), job_id)

    decided = decide(store, ids, decision)
    print_decided(decided, _DONE[resolution], form)
    return exit_code(decided)


def _checked_job(job: str | None, resolution: Resolution, ids: tuple[str, ...]) -> str | None:
    if job is None:
        return None
    if resolution is not Resolution.STARTED:
        raise UsageError(
            f"--job goes with --as started, not with --as {resolution.value}",
            fix="Leave out one of the two.",
        )
    if len(ids) > 1:
        raise UsageError(
            f"one job belongs to one request, and {len(ids)} were named",
            fix="Resolve them one by one.",
        )
    if not job.isprintable() or not job.strip() or any(char.isspace() for char in job):
        raise UsageError("the job id is empty or has blanks in it", fix="Copy it from the console.")
    return job


def _tally(store: "Store", request: Request) -> Tally:
    attempt = store.batch_of(request.attempt_id) if request.attempt_id else None
    return Tally.read(attempt.result.evidence if attempt is not None else None)
