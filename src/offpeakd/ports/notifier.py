"""The service manager."""

from typing import Protocol


class Notifier(Protocol):
    """Tells the service manager how the daemon is."""

    def ready(self, status: str) -> None:
        """Started."""
        ...

    def status(self, text: str) -> None:
        """One line for people."""
        ...

    def alive(self) -> None:
        """Feed the watchdog: called by the work itself, never by a thread beside it."""
        ...

    def reloading(self) -> None:
        """A reload begins; `ready` ends it."""
        ...

    def stopping(self) -> None:
        """Stopping in order."""
        ...
