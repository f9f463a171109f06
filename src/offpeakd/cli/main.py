"""`offpeakd`: the group of commands, and the one place where a command ends."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from typing import Final

import click

from offpeakd import __version__
from offpeakd.cli.context import Invocation
from offpeakd.cli.deferred import DeferredGroup, Entry
from offpeakd.cli.failures import INTERRUPTED, READER_GONE, ended_by_signals, forget, report
from offpeakd.cli.options import common_options
from offpeakd.core.errors import UsageError

COMPLETE_VARIABLE: Final = "_OFFPEAKD_COMPLETE"

_REQUESTS: Final = "Requests"
_TIMES: Final = "Windows"
_SERVICE: Final = "Service"
_SETUP: Final = "Set-up"

ENTRIES: Final = (
    Entry("add", "offpeakd.cli.add:add", "Ask for upgrades.", _REQUESTS),
    Entry("list", "offpeakd.cli.requests:list_requests", "List requests.", _REQUESTS),
    Entry("show", "offpeakd.cli.show:show", "Show one request with its history.", _REQUESTS),
    Entry("why", "offpeakd.cli.why:why", "Say why a request waits.", _REQUESTS),
    Entry(
        "failures", "offpeakd.cli.requests:failures", "List what a person must look at.", _REQUESTS
    ),
    Entry("cancel", "offpeakd.cli.decisions:cancel", "Take requests back.", _REQUESTS),
    Entry("retry", "offpeakd.cli.decisions:retry", "Queue failed requests again.", _REQUESTS),
    Entry("hold", "offpeakd.cli.decisions:hold", "Keep requests from being sent.", _REQUESTS),
    Entry("unhold", "offpeakd.cli.decisions:unhold", "Let held requests go.", _REQUESTS),
    Entry("resolve", "offpeakd.cli.resolve:resolve", "Say what became of requests.", _REQUESTS),
    Entry("ack", "offpeakd.cli.decisions:ack", "Take failures off the list.", _REQUESTS),
    Entry("plan", "offpeakd.cli.plan:plan", "Say what the next opening would send.", _TIMES),
    Entry("windows", "offpeakd.cli.windows:windows", "Show openings, test an instant.", _TIMES),
    Entry("status", "offpeakd.cli.status:status", "Show how things stand.", _SERVICE),
    Entry("pause", "offpeakd.cli.stops:pause", "Stop releasing.", _SERVICE),
    Entry("resume", "offpeakd.cli.stops:resume", "Go on releasing.", _SERVICE),
    Entry(
        "reconcile",
        "offpeakd.cli.reconcile:reconcile",
        "Look what became of the unknown.",
        _SERVICE,
    ),
    Entry("run", "offpeakd.cli.run:run", "Run the daemon in the foreground.", _SERVICE),
    Entry("config", "offpeakd.cli.config:config", "Check, show or start a configuration.", _SETUP),
    Entry("db", "offpeakd.cli.database:db", "Upgrade or check the database.", _SETUP),
    Entry("demo", "offpeakd.cli.demo:demo", "Try everything; needs no account.", _SETUP),
    Entry("emulate", "offpeakd.cli.emulate:emulate", "Play the cloud, for trials.", _SETUP),
    Entry("completion", "offpeakd.cli.completion:completion", "Print shell completion.", _SETUP),
    Entry("version", "offpeakd.cli.version:version", "Print versions.", _SETUP),
)
"""Every command, its place and its help line: `--help` imports none of them."""


@click.group(
    cls=DeferredGroup,
    name="offpeakd",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="offpeakd", message="%(prog)s %(version)s")
@common_options
def cli() -> None:
    """Hold DDS minor-version upgrades until a maintenance window, send them, record the results.

    Exit codes: 0 ok, 1 failed, 2 usage or configuration, 3 waiting or partly done, 4 credentials
    or permission, 5 cloud unreachable, 6 database, 7 another daemon holds the database,
    130/141/143 ended by a signal or a closed pipe.
    """


cli.add_entries(ENTRIES)


def main(arguments: Sequence[str] | None = None, invocation: Invocation | None = None) -> int:
    """Run one command.

    Args:
        arguments: without the program's name; this process's own unless given.
        invocation: surroundings; this process's own unless given.

    Returns:
        the exit code of design: 0 ok, others as `--help` lists them.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    invocation = Invocation.here() if invocation is None else invocation
    _never_fail_on_a_character()
    try:
        with ended_by_signals():
            try:
                code = _run(arguments, invocation)
            finally:
                invocation.close()
            _finish_output()
    except BrokenPipeError:
        forget(sys.stdout)
        return READER_GONE
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last stop: every error becomes a message and a code
        with suppress(OSError):  # that may be the error itself
            _finish_output()
        return report(error, sys.stderr, debug=invocation.debug)
    return code


def _run(arguments: Sequence[str], invocation: Invocation) -> int:
    instruction = invocation.environ.get(COMPLETE_VARIABLE)
    if instruction:
        from click.shell_completion import shell_complete

        surroundings = {"obj": invocation}
        return shell_complete(cli, surroundings, "offpeakd", COMPLETE_VARIABLE, instruction)
    _refuse_torn_text(arguments)
    try:
        with cli.make_context("offpeakd", list(arguments), obj=invocation) as ctx:
            code = cli.invoke(ctx)
    except click.exceptions.Exit as end:
        return end.exit_code
    return code if isinstance(code, int) else 0


def _finish_output() -> None:
    """Write what is still buffered, now that somebody can be told where that fails."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        forget(sys.stdout)
        raise


def _refuse_torn_text(arguments: Sequence[str]) -> None:
    """What is not UTF-8 can't be stored, nor shown as it was meant."""
    for place, argument in enumerate(arguments, 1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            shown = argument.encode("ascii", "backslashreplace").decode()
            raise UsageError(
                f"argument {place} is not UTF-8: {shown:.80}",
                fix="Write it in UTF-8: see what `locale` says of the terminal.",
            ) from None


def _never_fail_on_a_character() -> None:
    """A terminal without UTF-8 shows a character it lacks as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
