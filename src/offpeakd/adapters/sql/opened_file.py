"""Whether SQLite's file is still the one that was opened."""

from pathlib import Path

from offpeakd.core.errors import DatabaseUntrustedError


class OpenedFile:
    """A file as it was when a process began to use it.

    SQLite keeps on writing into a file that was deleted or replaced under it, and opens the new
    one for its next connection: the process would then have two databases, one of which nobody
    will ever read. Replacing the file by a backup while the daemon runs is such a case.

    Args:
        path: the database's.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._first = self._now()

    def check(self) -> None:
        """See that the path leads to the same file as before; costs one system call.

        Raises:
            DatabaseUntrustedError: it leads to another one, or to none.
        """
        now = self._now()
        if self._first is None:
            self._first = now
        elif now != self._first:
            what = "is gone" if now is None else "was replaced by another one"
            raise DatabaseUntrustedError(
                f"the database file {self._path} {what} while it was in use",
                fix="Stop the daemon before a backup is put in its place; start it again now.",
            )

    def _now(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino
