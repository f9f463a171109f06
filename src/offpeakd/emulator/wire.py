"""HTTP/1.1 as bytes: one call in, one answer out."""

import http.client
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import BinaryIO, Final

from offpeakd.core.values import value
from offpeakd.emulator.verify import Arrived

LONGEST_LINE: Final = 1 << 16
LARGEST_BODY: Final = 1 << 20


class UnreadableCallError(Exception):
    """Bytes that are no call this server understands.

    Attributes:
        status: HTTP status that says so.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@value
class Incoming:
    """One call off the wire.

    Attributes:
        arrived: what it says.
        at: when its first line was there.
        keep_alive: whether the connection stays open afterwards.
    """

    arrived: Arrived
    at: datetime
    keep_alive: bool


def read_call(stream: BinaryIO, now: Callable[[], datetime]) -> Incoming | None:
    """Read one call; None at the end of the connection.

    Args:
        stream: the connection.
        now: the clock, read as soon as the call's first line is there.

    Raises:
        UnreadableCallError: not HTTP/1, too long, or with a body of unknown length.
        OSError: the connection broke.
    """
    line = stream.readline(LONGEST_LINE + 1)
    if not line:
        return None
    at = now()
    if len(line) > LONGEST_LINE:
        raise UnreadableCallError(HTTPStatus.REQUEST_URI_TOO_LONG, "The URI is too long.")
    method, target, version = _words(line)
    headers = _headers(stream)
    path, _, query = target.partition("?")
    body = _body(stream, headers)
    closes = version == "HTTP/1.0" or headers.get("connection", "").lower() == "close"
    return Incoming(Arrived(method, path, query, headers, body), at, keep_alive=not closes)


def _words(line: bytes) -> tuple[str, str, str]:
    words = line.decode("latin-1").split()
    if len(words) != len(("method", "target", "version")) or not words[2].startswith("HTTP/1."):
        raise UnreadableCallError(HTTPStatus.BAD_REQUEST, "The request line is malformed.")
    return words[0], words[1], words[2]


def _headers(stream: BinaryIO) -> dict[str, str]:
    try:
        message = http.client.parse_headers(stream)
    except http.client.HTTPException:
        raise UnreadableCallError(HTTPStatus.BAD_REQUEST, "The headers are too large.") from None
    return {name.lower(): value for name, value in message.items()}


def _body(stream: BinaryIO, headers: Mapping[str, str]) -> bytes:
    if "transfer-encoding" in headers:
        raise UnreadableCallError(HTTPStatus.LENGTH_REQUIRED, "A Content-Length is required.")
    given = headers.get("content-length", "0")
    if not given.isascii() or not given.isdigit():
        raise UnreadableCallError(HTTPStatus.BAD_REQUEST, "The Content-Length is malformed.")
    length = int(given)
    if length > LARGEST_BODY:
        raise UnreadableCallError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large.")
    body = stream.read(length)
    if len(body) < length:
        raise UnreadableCallError(HTTPStatus.BAD_REQUEST, "The body is cut off.")
    return body


def write_head(
    status: int, length: int, content_type: str, headers: Mapping[str, str], *, keep_alive: bool
) -> bytes:
    """Status line and headers of an answer."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    fields = {
        "Content-Type": content_type,
        "Content-Length": str(length),
        "Connection": "keep-alive" if keep_alive else "close",
        **headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} {phrase}\r\n{lines}\r\n".encode("latin-1")
