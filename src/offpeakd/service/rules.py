"""The configuration in force, as the services see it. A reload swaps one reference to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from offpeakd.core.calendar import Calendar
from offpeakd.core.model import DEFAULT_GROUP
from offpeakd.core.policy import Policy
from offpeakd.core.values import value
from offpeakd.ports import Limits


@value
class Rules:
    """What decides, at one time.

    Attributes:
        calendar: windows, freezes and groups.
        policy: limits and patience.
        in_flight: upgrades at once, by target; its keys are the targets.
        config_hash: names the configuration in events.
        tzdata_version: of the zone data that computes openings.
        calls_per_minute: calls to the cloud in any 60 seconds, by target; a target that is
            missing here is not limited by the store.
        notices: groups whose windows a reload opened over the present moment stay shut until then.
        elsewhere: configured targets that this daemon leaves to others.
    """

    calendar: Calendar
    policy: Policy
    in_flight: Mapping[str, int]
    config_hash: str
    tzdata_version: str
    notices: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    calls_per_minute: Mapping[str, int] = field(default_factory=dict[str, int])
    elsewhere: frozenset[str] = frozenset()

    def limits(self, target: str) -> Limits | None:
        """What a claim of this target has to leave room for."""
        most, calls = self.in_flight.get(target), self.calls_per_minute.get(target)
        return None if most is None or calls is None else Limits(most, calls)

    @property
    def groups(self) -> tuple[str, ...]:
        """Every group whose windows may matter: the configured ones, and the default."""
        return tuple(dict.fromkeys((*self.calendar.groups, DEFAULT_GROUP)))


@dataclass(slots=True, eq=False, repr=False)
class CurrentRules:
    """The one reference that a reload swaps; every decision reads it anew."""

    rules: Rules

    def __call__(self) -> Rules:
        """The rules in force."""
        return self.rules
