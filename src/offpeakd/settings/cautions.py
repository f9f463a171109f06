"""What a configuration may say but hardly means."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from offpeakd.core.calendar import Calendar
from offpeakd.settings.convert import windows_of
from offpeakd.settings.database_url import unproved_host
from offpeakd.settings.models import Settings

FAR: Final = timedelta(days=400)
"""A window that does not open for so long hardly says what was meant."""


def cautions(settings: Settings) -> tuple[str, ...]:
    """Sentences about settings that are valid and odd, whatever the time."""
    return tuple(_cautions(settings))


def _cautions(settings: Settings) -> Iterator[str]:
    if not settings.windows:
        yield "no window: nothing will ever be released"
    if settings.http is not None:
        yield "http: this version has no server; the section is checked and not used"
    host = unproved_host(settings.database.url)
    if host:
        yield f"database.url: nothing proves that the server is {host}; sslmode=verify-full does"
    if settings.reconcile.fence < timedelta(minutes=18):
        yield (
            "reconcile.fence: a signed call can reach the cloud for 15 minutes, and clocks differ;"
            " less than 18m may start an upgrade twice"
        )
    named = {name for group in settings.groups.values() for name in group.windows or ()}
    if settings.groups and all(group.windows for group in settings.groups.values()):
        for name in settings.windows:
            if name not in named:
                yield f"windows.{name}: only requests of the default group use it"


def never_open(settings: Settings, now: datetime) -> tuple[str, ...]:
    """Sentences about windows that do not open in the next 400 days.

    Args:
        settings: as validated.
        now: the instant from which to look.
    """
    found = [
        f"windows.{name}: does not open in the next {FAR.days} days"
        for name, window in windows_of(settings).items()
        if not any(Calendar({name: window}, (), {}).openings(now, now + FAR))
    ]
    return tuple(found)
