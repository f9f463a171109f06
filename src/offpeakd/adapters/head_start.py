"""Work that begins in a process of its own while this one gets on with something else."""

import os
import pickle
import threading
from collections.abc import Callable
from typing import NoReturn, TypeVar, cast

from offpeakd.core.errors import OffpeakdError

_T = TypeVar("_T")


def begun_aside(work: Callable[[], _T]) -> Callable[[], _T]:
    """Begin work on another processor; what comes back waits for its result.

    Threads of Python take turns and processes don't, and what is imported there never fills the
    memory of this one. It is a head start and nothing else: where no process can be made, other
    threads run (a fork takes none along, and may find their locks held) or no result came, the
    work is done here by whoever asks for it.

    Args:
        work: changes nothing outside; what it gives can be pickled.

    Returns:
        what gives the result once, and raises the `OffpeakdError` that the work raised.
    """
    if threading.active_count() > 1:
        return work
    try:
        reader, writer = os.pipe()
    except OSError:
        return work
    try:
        child = os.fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        return work
    if child == 0:
        _answer(work, writer)
    os.close(writer)
    return lambda: _result(child, reader, work)


def _answer(work: Callable[[], object], writer: int) -> NoReturn:
    """Write what comes of the work, and end without a word: the other process has the last one."""
    status = 1
    try:
        came: object
        try:
            came = work()
        except OffpeakdError as error:
            came = _Raised(error)
        with open(writer, "wb") as pipe:
            pickle.dump(came, pipe, pickle.HIGHEST_PROTOCOL)
        status = 0
    finally:
        os._exit(status)


def _result(child: int, reader: int, work: Callable[[], _T]) -> _T:
    with open(reader, "rb") as pipe:
        answer = pipe.read()
    if not _ended_well(child):
        return work()
    came = pickle.loads(answer)  # noqa: S301 - from this program's own process
    if isinstance(came, _Raised):
        raise came.error
    return cast("_T", came)


def _ended_well(child: int) -> bool:
    try:
        _, status = os.waitpid(child, 0)
    except ChildProcessError:  # this program was started by one that waits for no child
        return False
    return status == 0


class _Raised:
    """An error in the place of a result."""

    def __init__(self, error: OffpeakdError) -> None:
        self.error = error
