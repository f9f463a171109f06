"""Reads one HTTP answer to its end, or not at all.

Python's parser takes much for an answer: a head that was cut short, two lengths, a line without an
end. An answer that is taken for whole proves something of an upgrade, so this one takes nothing
that could have been meant otherwise (RFC 9112, sections 2.2, 6.3 and 8).
"""

import io
import socket
from datetime import timedelta
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Final

from typing_extensions import override

from offpeakd.ports import Clock

MOST_LINES: Final = 128 * 1024
"""Bytes of a head at the most; of the lines between chunks, and behind the last, as many again."""

_MOST_DIGITS: Final = 15


class OddAnswerError(HTTPException):
    """No answer that could be meant in one way only; its text repeats nothing that came."""


class TookTooLongError(OSError):
    """The whole took longer than it may, however often something came."""


class Incoming(io.RawIOBase):
    """What comes in on a connection, for no longer than it may.

    Attributes:
        until: boot time by which all must have come; whoever has read a part may set it anew.
    """

    def __init__(
        self, connection: socket.socket, clock: Clock, silence: timedelta, until: timedelta
    ) -> None:
        """Keep a connection open until this is closed.

        Args:
            connection: to read from.
            clock: of the machine.
            silence: how long nothing may come.
            until: see there.
        """
        super().__init__()
        self._connection = connection
        self._raw = connection.makefile("rb", buffering=0)
        self._clock = clock
        self._silence = silence
        self.until = until
        self._ended = False

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: "bytearray | memoryview", /) -> int | None:  # type: ignore[override]  # what a buffered reader gives
        if self._ended:
            return 0
        left = self.until - self._clock.boottime()
        if left <= timedelta(0):
            raise TookTooLongError
        self._connection.settimeout(min(left, self._silence).total_seconds())
        return self._raw.readinto(buffer)

    def end(self) -> None:
        """Read nothing more."""
        self._ended = True

    @override
    def close(self) -> None:
        super().close()
        self._raw.close()


class _Lines(io.BufferedReader):
    """Gives whole lines only, and so much of them."""

    def __init__(self, incoming: Incoming) -> None:
        super().__init__(incoming)
        self.left = MOST_LINES
        self._begun = False

    @override
    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(size)
        if not line and not self._begun:
            return line  # nothing came at all
        self._begun = True
        if not line.endswith(b"\n"):
            raise IncompleteRead(b"")
        if b"\r" in line.removesuffix(b"\n").removesuffix(b"\r"):
            raise OddAnswerError("a line with a carriage return in it")
        self.left -= len(line)
        if self.left < 0:
            raise OddAnswerError(f"more than {MOST_LINES} bytes of lines")
        return line

    @override
    def close(self) -> None:
        """Not yet: what is left in it has to be seen."""

    def is_empty(self) -> bool:
        """Whether nothing has come that nobody has read."""
        return not self.peek()


class StrictAnswer(HTTPResponse):
    """An answer whose head could be meant in one way only."""

    def __init__(self, incoming: Incoming, connection: socket.socket, method: str | None) -> None:
        super().__init__(connection, method=method)
        self.fp.close()
        self._incoming = incoming
        self._lines = _Lines(incoming)
        self.fp = self._lines

    @override
    def begin(self) -> None:
        super().begin()
        self._lines.left = MOST_LINES
        if self.headers.defects or any("\n" in content for content in self.headers.values()):
            raise OddAnswerError("a header that is none")
        lengths = set(self.headers.get_all("Content-Length", ()))
        codings = self.headers.get_all("Transfer-Encoding", ())
        if codings and (lengths or [one.lower() for one in codings] != ["chunked"]):
            raise OddAnswerError("a length beside a coding, or an unknown coding")
        if len(lengths) > 1 or not all(map(_is_length, lengths)):
            raise OddAnswerError("a length that is none, or several")
        bodiless = self.status in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}
        if bodiless and (codings or lengths - {"0"}):
            self.will_close = True

    @property
    def is_marked(self) -> bool:
        """Whether the answer itself says where it ends."""
        return self.chunked or self.length is not None

    def may_be_followed(self) -> bool:
        """Whether another call may go out on the connection, now that this was read to its end."""
        self._incoming.end()
        return not self.will_close and self._lines.is_empty()

    @override
    def close(self) -> None:
        super().close()
        self._incoming.close()


def _is_length(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
