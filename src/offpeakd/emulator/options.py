"""What an emulator is made with."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from offpeakd.emulator.faults import NO_FAULTS, Faults
from offpeakd.emulator.fleet import ASSORTED, Mix

EMULATED_PROJECT: Final = "0123456789abcdef0123456789abcdef"
EMULATED_ACCESS_KEY: Final = "EMULATED-ACCESS-KEY"
EMULATED_SECRET_KEY: Final = "emulated-secret-key-signs-nothing-real"  # noqa: S105 - public, fake


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorSettings:
    """What an emulator is made with; every default suits a test on one's own machine.

    Attributes:
        listen: a loopback address and a port; port 0 takes any free one.
        project_id: the one project of the pretended account.
        region: its region, whose name the project bears.
        access_key: of the one key pair.
        secret_key: of the one key pair.
        security_token: makes the key pair a temporary one, good only together with it.
        domain: name of the account, for tokens.
        user: of the IAM user, for tokens.
        password: theirs.
        token_life: how long a token is good.
        instances: how many there are at first.
        seed: the same one makes the same fleet and the same ids.
        mix: how many instances are out of the ordinary.
        job_duration: how long an upgrade takes, at the least.
        job_duration_most: at the most; None for always `job_duration`.
        job_visible_after: how long a new job stays out of all listings.
        busy_for: how long the other actions of busy instances last; None for ever.
        permissive: a second upgrade of an instance starts instead of being refused.
        requests_per_minute: more calls than that are throttled; None for no limit.
        faults: which calls are struck by what.
    """

    listen: tuple[str, int] = ("127.0.0.1", 0)
    project_id: str = EMULATED_PROJECT
    region: str = "eu-west-101"
    access_key: str = EMULATED_ACCESS_KEY
    secret_key: str = field(default=EMULATED_SECRET_KEY, repr=False)
    security_token: str = field(default="", repr=False)
    domain: str = "EMULATED-ACCOUNT"
    user: str = "EMULATED-USER"
    password: str = field(default="emulated-password", repr=False)
    token_life: timedelta = timedelta(hours=24)
    instances: int = 200
    seed: int = 1
    mix: Mix = ASSORTED
    job_duration: timedelta = timedelta(seconds=10)
    job_duration_most: timedelta | None = None
    job_visible_after: timedelta = timedelta(seconds=2)
    busy_for: timedelta | None = timedelta(seconds=60)
    permissive: bool = False
    requests_per_minute: int | None = None
    faults: Faults = NO_FAULTS
