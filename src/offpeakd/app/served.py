"""Which targets a daemon serves."""

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from offpeakd.core.errors import UsageError
from offpeakd.core.values import value

if TYPE_CHECKING:
    from offpeakd.app.configuration import TargetCloud
    from offpeakd.service.rules import Rules


@value
class Served:
    """Which targets a daemon serves.

    Attributes:
        patterns: shell patterns of their names; without any, every target is served.
    """

    patterns: tuple[str, ...] = ()

    def __contains__(self, target: str) -> bool:
        return not self.patterns or any(fnmatchcase(target, one) for one in self.patterns)

    def rules(self, rules: "Rules") -> "Rules":
        """The rules, of the targets that are served."""
        return replace(
            rules,
            in_flight={name: most for name, most in rules.in_flight.items() if name in self},
            elsewhere=frozenset(name for name in rules.in_flight if name not in self),
        )

    def clouds(self, clouds: tuple["TargetCloud", ...]) -> tuple["TargetCloud", ...]:
        """Those of the targets that are served.

        Raises:
            UsageError: no target's name fits any of the patterns.
        """
        served = tuple(one for one in clouds if one.target in self)
        if not served:
            names = sorted(one.target for one in clouds)
            raise UsageError(
                f"no target fits --targets {' '.join(self.patterns)}",
                fix=f"The targets are: {', '.join(names)}.",
            )
        return served
