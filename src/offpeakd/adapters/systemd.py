"""Tells systemd how the daemon is (sd_notify(3): one datagram a message, a stable protocol)."""

import os
import socket
from collections.abc import Mapping

from offpeakd.core.values import value


@value
class SystemdNotifier:
    """Sends to the socket that systemd names; does nothing where it names none.

    Attributes:
        address: of `$NOTIFY_SOCKET`; a leading `@` means an abstract name. Empty: not watched.
    """

    address: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "SystemdNotifier":
        """The notifier that the service manager asked for."""
        return cls(environ.get("NOTIFY_SOCKET", ""))

    def ready(self, status: str) -> None:
        """Started, or reloaded."""
        self._send(f"READY=1\nSTATUS={status}")

    def status(self, text: str) -> None:
        """One line that `systemctl status` shows."""
        self._send(f"STATUS={text}")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """A reload begins."""
        self._send("RELOADING=1")

    def stopping(self) -> None:
        """Stopping in order."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self.address:
            return
        name = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            try:
                out.sendto(message.replace("\r", " ").encode(), os.fsencode(name))
            except OSError:
                # Who watches has gone or is slow; the work must not depend on it.
                return
