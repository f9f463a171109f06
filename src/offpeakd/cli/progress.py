"""A line that counts up on a terminal, and nothing elsewhere."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, TextIO

FEW: Final = 2000
"""Fewer than this are done before anybody could read the line."""


@contextmanager
def counting(total: int, out: TextIO | None = None) -> Generator[Callable[[int], None] | None]:
    """Show how many of `total` are done.

    Args:
        total: of them.
        out: where the line stands; standard error unless told.

    Yields:
        what to call with the number done so far; None where nothing is to be shown.
    """
    stream = sys.stderr if out is None else out
    if total < FEW or not stream.isatty():
        yield None
        return

    def show(done: int) -> None:
        stream.write(f"\r{done:,} of {total:,}")
        stream.flush()

    try:
        yield show
    finally:
        stream.write("\r\x1b[K")
        stream.flush()
