"""Which targets a daemon serves."""

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from offpeakd.app.configuration import rules_of
from offpeakd.core.errors import UsageError
from offpeakd.core.values import value

if TYPE_CHECKING:
    from offpeakd.service.rules import Rules
    from offpeakd.settings.load import Loaded


@value
class Served:
    """Which targets a daemon serves.

    Attributes:
        patterns: shell patterns of their names; without any, every target is served.
    """

    patterns: tuple[str, ...] = ()

    def __contains__(self, target: str) -> bool:
        return not self.patterns or any(fnmatchcase(target, one) for one in self.patterns)

    def rules(self, loaded: "Loaded") -> "Rules":
        """The rules, of the targets that are served."""
        rules = rules_of(loaded)
        return replace(
            rules,
            in_flight={name: most for name, most in rules.in_flight.items() if name in self},
            elsewhere=frozenset(name for name in rules.in_flight if name not in self),
        )

    def check(self, loaded: "Loaded") -> None:
        """See that a target is left.

        Raises:
            UsageError: no target's name fits any of the patterns.
        """
        names = sorted(loaded.settings.targets)
        if not any(name in self for name in names):
            raise UsageError(
                f"no target fits --targets {' '.join(self.patterns)}",
                fix=f"The targets are: {', '.join(names)}.",
            )


EVERY_TARGET: Final = Served()
