"""Reads one HTTP answer to its end, or not at all.

Python's own reader takes much for a head: one that was cut short, two lengths, a line without an end,
whatever the parser of mails makes of it. An answer that is taken for whole proves something of an
upgrade, so this one takes nothing that could have been meant otherwise (RFC 9112, sections 2.2, 4, 5,
6.3 and 8). Bodies are read by Python's.
"""

import io
import re
import socket
from collections.abc import Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from http.client import (
    HTTPException,
    HTTPMessage,
    HTTPResponse,
    IncompleteRead,
    RemoteDisconnected,
)
from typing import Final

from typing_extensions import override

from offpeakd.ports import Clock

MOST_LINES: Final = 128 * 1024
"""Bytes of a head at the most; of the lines between chunks, and behind the last, as many again."""

_LONGEST_LINE: Final = 64 * 1024
_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [^\r\n]*)?\r?\n")
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*?)[ \t]*\r?\n")
_LENGTH: Final = re.compile(r"[0-9]{1,15}")
_BODILESS: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})
_HTTP_1_1: Final = 11


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
    """An answer whose head could be meant in one way only.

    Attributes:
        fields: the headers by lower-case name, those of one name joined by commas.
    """

    def __init__(self, incoming: Incoming, connection: socket.socket, method: str | None) -> None:
        super().__init__(connection, method=method)
        self.fp.close()
        self._incoming = incoming
        self._lines = _Lines(incoming)
        self.fp = self._lines
        self.fields: Mapping[str, str] = {}

    @override
    def begin(self) -> None:
        status, headers = self._head()
        while status == HTTPStatus.CONTINUE:
            status, headers = self._head()
        self._lines.left = MOST_LINES
        self.code = self.status = status
        self.reason = ""
        self.headers = self.msg = HTTPMessage()
        self.fields = {name: ", ".join(contents) for name, contents in headers.items()}
        self.chunked, self.length = _framing(headers)
        self.chunk_left = None
        wants = self.fields.get("connection", "").lower()
        closes = "close" in wants if self.version == _HTTP_1_1 else "keep-alive" not in wants
        if status < HTTPStatus.OK or status in _BODILESS:
            # What is announced all the same may come yet.
            closes = closes or self.chunked or bool(self.length)
            self.chunked, self.length = False, 0
        self.will_close = closes or not self.is_marked

    def _head(self) -> tuple[int, dict[str, list[str]]]:
        line = self._lines.readline(_LONGEST_LINE)
        if not line:
            raise RemoteDisconnected("the server hung up without an answer")
        found = _STATUS.fullmatch(line)
        if found is None:
            raise OddAnswerError("no answer of HTTP/1")
        self.version = 10 + int(found[1])
        return int(found[2]), self._headers()

    def _headers(self) -> dict[str, list[str]]:
        headers: dict[str, list[str]] = {}
        while (line := self._lines.readline(_LONGEST_LINE)) not in {b"\r\n", b"\n"}:
            found = _HEADER.fullmatch(line)
            if found is None:
                raise OddAnswerError("a header that is none")
            name, content = found[1].decode("ascii"), found[2].decode("latin-1")
            headers.setdefault(name.lower(), []).append(content)
        return headers

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


def _framing(headers: Mapping[str, Sequence[str]]) -> tuple[bool, int | None]:
    """Whether the body comes in chunks, and its length where that is told."""
    lengths = set(headers.get("content-length", ()))
    codings = [one.lower() for one in headers.get("transfer-encoding", ())]
    if codings and (lengths or codings != ["chunked"]):
        raise OddAnswerError("a length beside a coding, or an unknown coding")
    if len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
        raise OddAnswerError("a length that is none, or several")
    return bool(codings), int(lengths.pop()) if lengths else None
