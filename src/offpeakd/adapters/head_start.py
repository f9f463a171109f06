"""Work that begins in a process of its own while this one gets on with something else."""

import os
import pickle
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import BinaryIO, NoReturn, TypeVar, cast

from offpeakd.core.errors import OffpeakdError

_T = TypeVar("_T")


@contextmanager
def begun_aside(work: Callable[[], _T]) -> Generator[Callable[[], _T]]:
    """Begin work on another processor; what comes back waits for its result.

    Threads of Python take turns and processes don't, and what is imported there never fills the
    memory of this one. It is a head start and nothing else: where no process can be made, other
    threads run (a fork takes none along, and may find their locks held) or no result came, the
    work is done here by whoever asks for it. Nothing of it outlives the `with`.

    Args:
        work: changes nothing outside; what it gives can be pickled.

    Yields:
        what gives the result once, and raises the `OffpeakdError` that the work raised.
    """
    begun = None if threading.active_count() > 1 else _begin(work)
    if begun is None:
        yield work
        return
    child, reader = begun
    with os.fdopen(reader, "rb") as pipe:
        try:
            yield lambda: _result(pipe, work)
        finally:
            _end(child)


def _begin(work: Callable[[], object]) -> tuple[int, int] | None:
    """The other process, and where its result will be read; None where there can be none."""
    try:
        reader, writer = os.pipe()
    except OSError:
        return None
    try:
        child = os.fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        return None
    if child == 0:
        _answer(work, writer)
    os.close(writer)
    return child, reader


def _answer(work: Callable[[], object], writer: int) -> NoReturn:
    """Write what comes of the work, and end without a word: the other process has the last one."""
    try:
        came: object
        try:
            came = work()
        except OffpeakdError as error:
            came = _Raised(error)
        with open(writer, "wb") as pipe:
            pickle.dump(came, pipe, pickle.HIGHEST_PROTOCOL)
    finally:
        os._exit(0)


def _end(child: int) -> None:
    with suppress(ChildProcessError):  # where nobody is to wait for children, the system does
        if os.waitpid(child, os.WNOHANG) == (0, 0):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _result(pipe: BinaryIO, work: Callable[[], _T]) -> _T:
    try:
        came = pickle.load(pipe)  # noqa: S301 - from this program's own process
    except Exception:  # noqa: BLE001 - cut short, by whatever ended the other process
        return work()
    if isinstance(came, _Raised):
        raise came.error
    return cast("_T", came)


class _Raised:
    """An error in the place of a result."""

    def __init__(self, error: OffpeakdError) -> None:
        self.error = error
