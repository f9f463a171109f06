"""Keeps a second daemon away from a SQLite database, for as long as the first one lives."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from offpeakd.adapters.sql.address import address_of
from offpeakd.adapters.sql.drivers import check_folder
from offpeakd.core.errors import DaemonRunningError, DatabaseError


class DatabaseLock:
    """An advisory lock (flock) on `<database>.lock`, beside the real file.

    The kernel gives it back when its process ends, however that ends. The file stays: removing
    it would let two daemons lock two files of one name. PostgreSQL needs no such lock: its
    daemons share the work by leases, and there this does nothing.

    Args:
        url: as configured in `database.url`.
    """

    def __init__(self, url: str) -> None:
        file = address_of(url).file
        self._descriptor: int | None = None
        # Links are followed: whoever reaches the file by another name meets the same lock.
        self.path = None if file is None else Path(f"{os.path.realpath(file)}.lock")

    def acquire(self) -> None:
        """Take the lock, without waiting, and write our process id into its file.

        Raises:
            DaemonRunningError: another process holds it.
            DatabaseError: the file can't be made.
        """
        if self.path is None or self._descriptor is not None:
            return
        descriptor = _opened(self.path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise _running(self.path, holder) from None
        except OSError as error:
            os.close(descriptor)
            raise _unusable(self.path, error) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back, if it is ours."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def _opened(path: Path) -> int:
    check_folder(path)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> DatabaseError:
    return DatabaseError(
        f"the lock file {path} can't be used: {error.strerror}",
        fix="Run the daemon as the user that owns the database's folder, on a local file system.",
    )


def _running(path: Path, holder: str) -> DaemonRunningError:
    who = f"process {holder}" if holder else "another process"
    return DaemonRunningError(
        f"{who} holds the lock {path}: a daemon serves this database already",
        fix="Stop that daemon first, or give this one another database.url.",
    )
