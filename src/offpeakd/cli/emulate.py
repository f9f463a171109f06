"""`offpeakd emulate`: plays the cloud on this machine, for trials of a configuration."""

import re
import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from offpeakd.cli.context import Invocation
from offpeakd.cli.options import common_options, pass_invocation

if TYPE_CHECKING:
    from offpeakd.emulator import Emulator

_ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT})
_HIGHEST_PORT: Final = 65_535


def _address(_ctx: click.Context, _option: click.Parameter, text: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`, with an IPv6 host in brackets."""
    host, colon, port = text.rpartition(":")
    if not (colon and host and re.fullmatch(r"[0-9]{1,5}", port) and int(port) <= _HIGHEST_PORT):
        raise click.BadParameter(f"{text!r} is no HOST:PORT, such as 127.0.0.1:9417")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _seconds(
    _ctx: click.Context, _option: click.Parameter, text: str
) -> tuple[timedelta, timedelta]:
    """Shortest and longest time of `MIN-MAX`, or of one number for both."""
    found = re.fullmatch(r"([0-9]{1,6})(?:-([0-9]{1,6}))?", text)
    if found is None or int(found[2] or found[1]) < int(found[1]):
        raise click.BadParameter(f"{text!r} is no range of seconds, such as 5-20")
    return timedelta(seconds=int(found[1])), timedelta(seconds=int(found[2] or found[1]))


def _project(_ctx: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    from offpeakd.core.identifiers import IdentifierError, parse_project_id

    try:
        return None if text is None else parse_project_id(text)
    except IdentifierError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.option(
    "--listen",
    callback=_address,
    default="127.0.0.1:9417",
    show_default=True,
    metavar="HOST:PORT",
    help="Loopback only; port 0 takes any free one.",
)
@click.option(
    "--instances",
    type=click.IntRange(0, 100_000),
    default=200,
    show_default=True,
    help="How many instances there are.",
)
@click.option("--project-id", callback=_project, metavar="ID", help="Of the pretended account.")
@click.option("--access-key", metavar="AK", help="The key pair that it accepts.")
@click.option("--secret-key", metavar="SK", help="A made-up one: never a real secret.")
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="The same seed makes the same instances.",
)
@click.option(
    "--job-seconds",
    callback=_seconds,
    default="5-20",
    show_default=True,
    metavar="MIN-MAX",
    help="How long an upgrade takes.",
)
@click.option(
    "--faults",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What goes wrong, as config/faults.example.yaml shows.",
)
@common_options
@pass_invocation
def emulate(
    invocation: Invocation,
    listen: tuple[str, int],
    instances: int,
    project_id: str | None,
    access_key: str | None,
    secret_key: str | None,
    seed: int,
    job_seconds: tuple[timedelta, timedelta],
    faults: Path | None,
) -> None:
    """Play the cloud (DDS and IAM) on this machine until SIGTERM or Ctrl-C.

    It has instances with their oddities, checks signatures, runs upgrades as jobs that take time,
    and can fail as told. Once it listens it prints one line with its address. Nothing is kept.
    """
    from offpeakd.emulator import NO_FAULTS, Emulator, EmulatorSettings
    from offpeakd.emulator.fault_file import read_faults

    usual = EmulatorSettings()
    settings = EmulatorSettings(
        listen=listen,
        project_id=project_id or usual.project_id,
        access_key=access_key or usual.access_key,
        secret_key=secret_key or usual.secret_key,
        instances=instances,
        seed=seed,
        job_duration=job_seconds[0],
        job_duration_most=job_seconds[1],
        faults=NO_FAULTS if faults is None else read_faults(faults),
    )
    with _signals_wait(), Emulator(settings, invocation.timepiece()) as cloud:
        sys.stdout.write(f"listening on {cloud.url} with {instances} instances\n")
        sys.stdout.flush()
        if sys.stderr.isatty():
            sys.stderr.write(how_to_use(cloud))
        signal.sigwait(_ENDING)


def how_to_use(cloud: "Emulator") -> str:
    """A configuration for the emulator and the key pair, ready to paste."""
    settings = cloud.settings
    return f"""
# offpeakd.yaml
timezone: UTC
database: {{url: "sqlite:///offpeakd-trial.db"}}
targets:
  emulated:
    region: {settings.region}
    project_id: {settings.project_id}
    endpoint: {cloud.url}
windows:
  always: {{always: true}}

# the shell that runs offpeakd
export HUAWEICLOUD_SDK_AK='{settings.access_key}'
export HUAWEICLOUD_SDK_SK='{settings.secret_key}'

"""


@contextmanager
def _signals_wait() -> Generator[None]:
    """Keep SIGTERM and SIGINT back until `sigwait` takes them: none can get lost in between."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
