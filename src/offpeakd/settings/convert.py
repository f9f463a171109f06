"""From validated settings to the values that the core and the adapters take."""

from collections.abc import Mapping

from offpeakd.core.calendar import Calendar
from offpeakd.core.endpoints import REGIONS, endpoint_for, iam_endpoint_for
from offpeakd.core.policy import Policy
from offpeakd.core.values import value
from offpeakd.core.windows import Window
from offpeakd.settings.models import CredentialsSection, Settings


@value
class TargetSettings:
    """A target with nothing left to default.

    Attributes:
        name: its key.
        region: its id.
        project_id: 32 hexadecimal digits.
        endpoint: address of DDS.
        iam_endpoint: address of IAM; empty where neither the configuration nor the region tells.
        credentials: where the key lies; None means the environment names of the official SDK.
        requests_per_minute: calls to the cloud in any 60 seconds.
        in_flight: upgrades the cloud may be running at once.
        ca_file: further certificate authorities; a file's name for `credential_path`.
    """

    name: str
    region: str
    project_id: str
    endpoint: str
    iam_endpoint: str
    credentials: CredentialsSection | None
    requests_per_minute: int
    in_flight: int
    ca_file: str | None


def calendar_of(settings: Settings) -> Calendar:
    """Windows, freezes and groups."""
    windows = windows_of(settings)
    every = tuple(windows)
    return Calendar(
        windows,
        [freeze.freeze(settings.timezone) for freeze in settings.freezes],
        {name: group.windows or every for name, group in settings.groups.items()},
    )


def windows_of(settings: Settings) -> Mapping[str, Window]:
    """Windows by name."""
    zone = settings.timezone
    return {name: section.window(name, zone) for name, section in settings.windows.items()}


def policy_of(settings: Settings) -> Policy:
    """Limits and patience."""
    return Policy(
        batch_size=settings.release.batch_size,
        poll=settings.release.poll,
        guard=settings.release.guard,
        min_notice=settings.release.min_notice,
        preflight=settings.release.preflight,
        retry_attempts=settings.retry.attempts,
        retry_first=settings.retry.first,
        retry_most=settings.retry.most,
        follow_up_every=settings.follow_up.every,
        overdue=settings.follow_up.overdue,
        fence=settings.reconcile.fence,
        reconcile_every=settings.reconcile.every,
        looks=settings.reconcile.looks,
        lease_ttl=settings.lease.ttl,
        retention=settings.retention.finished,
    )


def targets_of(settings: Settings) -> tuple[TargetSettings, ...]:
    """Targets in the order of the configuration, their addresses filled in from the region."""
    return tuple(
        TargetSettings(
            name=name,
            region=section.region,
            project_id=section.project_id,
            endpoint=section.endpoint or endpoint_for(section.region),
            iam_endpoint=section.iam_endpoint or _iam_endpoint(section.region),
            credentials=section.credentials,
            requests_per_minute=section.requests_per_minute,
            in_flight=section.in_flight,
            ca_file=section.ca_file,
        )
        for name, section in settings.targets.items()
    )


def _iam_endpoint(region: str) -> str:
    return iam_endpoint_for(region) if region in REGIONS else ""
