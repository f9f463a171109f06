"""Turns whatever ended a command into a message for a person and an exit code."""

import os
import signal
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, TextIO

import click

from offpeakd.core.errors import ConfigurationError, OffpeakdError

INTERRUPTED: Final = 130
TERMINATED: Final = 143
READER_GONE: Final = 141
"""As the shell reports a program that wrote into a pipe nobody reads."""


def report(error: BaseException, stream: TextIO | None, *, debug: bool) -> int:
    """Say what went wrong, where anybody listens.

    Args:
        error: what the command raised.
        stream: where messages go: standard error; None where it is closed.
        debug: whether the traceback is shown too.

    Returns:
        the exit code.
    """
    if stream is not None:
        try:
            if debug and not isinstance(error, click.ClickException):
                traceback.print_exception(error, file=stream)
            stream.write(_message(error, debug=debug))
        except OSError:
            # That it can't be said must not hide it: the exit code says it as well.
            forget(stream)
    exits_with: object = getattr(error, "exit_code", 1)
    return exits_with if isinstance(exits_with, int) else 1


def forget(stream: TextIO | None) -> None:
    """Nobody reads it any more: what is still buffered must not fail at the interpreter's end."""
    if stream is None:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _message(error: BaseException, *, debug: bool) -> str:
    match error:
        case ConfigurationError():
            return f"{error}\n"
        case OffpeakdError():
            return message_of(error.message, error.fix)
        case click.exceptions.NoArgsIsHelpError():
            return f"{error.format_message()}\n"
        case click.ClickException():
            return message_of(error.format_message().rstrip("."), _way_to_help(error))
        case OSError():
            return message_of(_system_words(error), "")
        case _:
            fix = "" if debug else "Run with --debug for the traceback."
            return message_of(f"unexpected {type(error).__name__}: {error}", fix)


def message_of(what: str, fix: str) -> str:
    """An error as it stands on the screen: what is wrong, and below it how to mend it."""
    lines = [f"offpeakd: {what}"]
    if fix:
        lines.extend(f"  {line}" for line in fix.splitlines())
    return "\n".join(lines) + "\n"


def _way_to_help(error: click.ClickException) -> str:
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"See `{error.ctx.command_path} --help`."
    return ""


def _system_words(error: OSError) -> str:
    words = error.strerror or str(error)
    return f"{error.filename}: {words}" if error.filename else words


@contextmanager
def ended_by_signals() -> Generator[None]:
    """Let SIGTERM end the command in order, with exit code 143.

    A command that stops in its own way (the daemon) puts its own reaction in place of this one.
    """

    def end(_signal: int, _frame: object) -> None:
        raise SystemExit(TERMINATED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
