"""`offpeakd config`: check it, show what is in force, print its schema, start one."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from offpeakd import share
from offpeakd.cli.context import Invocation
from offpeakd.cli.openings import next_opening_sentence
from offpeakd.cli.options import common_options, output_option, pass_invocation
from offpeakd.cli.output import Format, Json, count_of, say, write_object
from offpeakd.core.errors import ConfigurationError, Problem, UsageError

if TYPE_CHECKING:
    from offpeakd.settings.load import Loaded


@click.group(no_args_is_help=True)
@common_options
def config() -> None:
    """Check, show or start a configuration."""


@config.command()
@click.argument("file", required=False, type=click.Path(path_type=Path), metavar="[FILE]")
@click.option(
    "--skip-files",
    is_flag=True,
    help="Don't look at the key files; for a check on another machine.",
)
@output_option("table", "json")
@common_options
@pass_invocation
def check(invocation: Invocation, file: Path | None, form: Format, *, skip_files: bool) -> int:
    """Say everything that is wrong with a configuration, or that it holds.

    Exit codes: 0 it holds, 2 it does not, or a key file is missing.
    """
    if file is not None:
        invocation.config_path = file
    try:
        loaded = invocation.settings()
        if not skip_files:
            _check_key_files(loaded, invocation)
    except ConfigurationError as error:
        if form is not Format.JSON:
            raise
        write_object({"ok": False, "problems": [_as_record(one) for one in error.problems]})
        return error.exit_code
    warnings = _warnings(loaded, invocation)
    if form is Format.JSON:
        write_object(_summary(loaded, invocation, warnings))
        return 0
    for warning in warnings:
        say(f"warning: {warning}")
    sys.stdout.write(_sentence(loaded, invocation))
    return 0


def _check_key_files(loaded: "Loaded", invocation: Invocation) -> None:
    from offpeakd import app

    clouds = app.clouds_of(loaded, invocation.environ)
    problems = app.credential_problems(clouds, invocation.environ)
    if problems:
        raise ConfigurationError(problems)


def _warnings(loaded: "Loaded", invocation: Invocation) -> tuple[str, ...]:
    from offpeakd.settings.cautions import never_open

    return (*loaded.warnings, *never_open(loaded.settings, invocation.now()))


def _sentence(loaded: "Loaded", invocation: Invocation) -> str:
    calendar, now = invocation.calendar(), invocation.now()
    guard = invocation.policy().guard
    parts = (
        count_of(len(loaded.settings.windows), "window"),
        count_of(len(loaded.settings.targets), "target"),
        next_opening_sentence(calendar, calendar.groups, guard, now),
    )
    return f"ok: {', '.join(parts)}\n"


def _summary(loaded: "Loaded", invocation: Invocation, warnings: tuple[str, ...]) -> Json:
    from offpeakd.core.clock_text import rfc3339

    calendar, now = invocation.calendar(), invocation.now()
    standings = [calendar.at(now, group) for group in calendar.groups]
    coming = [one.next.start for one in standings if one.next is not None and one.next.start]
    return {
        "ok": True,
        "files": [str(path) for path in loaded.files],
        "hash": loaded.hash,
        "windows": list(loaded.settings.windows),
        "targets": list(loaded.settings.targets),
        "open": any(one.verdict == "open" for one in standings),
        "next_opening": rfc3339(min(coming)) if coming else None,
        "warnings": warnings,
        "problems": [],
    }


def _as_record(problem: Problem) -> Json:
    return {
        "file": problem.file,
        "line": problem.line or None,
        "column": problem.column or None,
        "path": problem.path,
        "what": problem.what,
        "fix": problem.fix,
    }


@config.command()
@click.option("--origins", is_flag=True, help="Say in comments where each value comes from.")
@common_options
@pass_invocation
def show(invocation: Invocation, *, origins: bool) -> None:
    """Print the configuration in force as YAML, defaults included."""
    from offpeakd.settings.render import as_yaml

    loaded = invocation.settings()
    sys.stdout.write(as_yaml(loaded.settings, loaded.origins if origins else None))


@config.command()
@common_options
def schema() -> None:
    """Print the JSON Schema of the configuration, for editors."""
    from offpeakd.settings.schema import json_schema

    write_object(json_schema())


@config.command()
@click.argument("path", required=False, default="offpeakd.yaml", type=click.Path(path_type=Path))
@common_options
@pass_invocation
def init(invocation: Invocation, path: Path) -> None:
    """Write a small configuration to start from; never over an existing file."""
    target = invocation.cwd / path
    _write_new(target, share.path_of("config/minimal.yaml").read_bytes(), path)
    say(f"{path} written; fill in region, project_id and the key files, then:")
    say(f"  offpeakd --config {path} config check")


def _write_new(target: Path, content: bytes, name: Path) -> None:
    """Write a file that is not there yet; half a file is never left."""
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        raise UsageError(f"{name} exists", fix="Name another file, or move it away.") from None
    except OSError as error:
        fix = "Name a file in a folder that exists and that you may write to."
        raise UsageError(f"{name} can't be written: {error.strerror}", fix=fix) from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
