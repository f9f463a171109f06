"""How the simulated installation is configured."""

from datetime import datetime, timedelta

from offpeakd.core.calendar import Calendar
from offpeakd.core.policy import Policy
from offpeakd.core.selectors import parse_days, parse_local_time
from offpeakd.core.windows import Freeze, Window
from simulation.baton import HOUR, MINUTE, instant
from simulation.database import LEASE
from simulation.fate import Opening, Traits

TARGET = "prod"


def calendar_of(openings: tuple[Opening, ...], frozen: tuple[tuple[int, int], ...]) -> Calendar:
    """Windows and freezes, in UTC."""
    windows = {f"w{place}": _window(place, one) for place, one in enumerate(openings)}
    freezes = [_freeze(place, *ends) for place, ends in enumerate(frozen)]
    return Calendar(windows, freezes, {})


def policy_of(traits: Traits) -> Policy:
    """As by default, but for passes that are further apart while nothing is unknown."""
    return Policy(
        batch_size=traits.batch_size,
        poll=timedelta(seconds=30),
        follow_up_every=timedelta(minutes=2),
        lease_ttl=timedelta(microseconds=LEASE) if traits.replicas else timedelta(minutes=12),
    )


def _window(place: int, one: Opening) -> Window:
    return Window(
        name=f"w{place}",
        zone="UTC",
        days=(parse_days("daily"),),
        start=parse_local_time(_time(one.start)),
        end=parse_local_time(_time(one.end), end=True),
        cutoff=timedelta(microseconds=one.cutoff),
    )


def _time(at: int) -> str:
    return f"{at // HOUR:02d}:{at % HOUR // MINUTE:02d}"


def _freeze(place: int, start: int, end: int) -> Freeze:
    first, last = _minute(start), _minute(end)
    return Freeze(name=f"f{place}", reason="peak", zone="UTC", start=first, end=last)


def _minute(at: int) -> datetime:
    return instant(at).replace(tzinfo=None, second=0, microsecond=0)
