"""Word from the database that there is work."""

from collections.abc import Callable
from typing import Protocol


class Hints(Protocol):
    """Says when a target may have something to do before anybody would look there.

    A hint, no more: one that never comes costs time, and one too many a look.
    """

    def start(self, wake: Callable[[str], None]) -> None:
        """Listen, in a thread of its own, until `stop`; a lost connection is made anew.

        Args:
            wake: told the name of a target, or `*` for all of them. Must not take long.
        """
        ...

    def stop(self) -> None:
        """Listen no more. Takes two seconds at most."""
        ...
