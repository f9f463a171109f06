"""Tries a read again that failed, later and later.

The library is imported when a read has failed: most are answered the first time, and loading it
takes about a fiftieth of a daemon's start.
"""

# ruff: noqa: PLC0415 - that it is imported late is what this module is for

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Final, TypeVar

T = TypeVar("T")

TRIES: Final = 3
"""Of one read, the first included."""

_FIRST_PAUSE: Final = timedelta(milliseconds=200)
_LONGEST_PAUSE: Final = timedelta(seconds=2)


def again(failed: Exception, may_pass: Callable[[Exception], bool], read: Callable[[], T]) -> T:
    """Make a read until it succeeds, fails for good, or has been tried often enough.

    Args:
        failed: what the first try ended with; it counts.
        may_pass: whether a try that ended so is worth another one.
        read: makes one further try.

    Raises:
        Exception: what the last try ended with.
    """
    import stamina

    _use_our_log()
    tried: list[Exception] = [failed]

    def attempt() -> T:
        if tried:
            raise tried.pop()
        return read()

    caller = stamina.RetryingCaller(
        attempts=TRIES,
        timeout=None,
        wait_initial=_FIRST_PAUSE,
        wait_max=_LONGEST_PAUSE,
        wait_jitter=_FIRST_PAUSE,
    )
    return caller(may_pass, attempt)


@cache
def _use_our_log() -> None:
    from stamina import instrumentation

    # Its other default hooks write to standard output, or count where nobody asked.
    instrumentation.set_on_retry_hooks([instrumentation.LoggingOnRetryHook])
