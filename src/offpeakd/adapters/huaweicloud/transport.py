"""HTTP to one endpoint: each call once, no redirect, no proxy from the environment."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, IncompleteRead
from typing import Any, Final, cast

from offpeakd import __version__
from offpeakd.adapters.huaweicloud.answers import Answer, cloud_time, json_object, storable_text
from offpeakd.adapters.huaweicloud.connections import Connections, Patience, is_silent
from offpeakd.adapters.huaweicloud.signing import Query, request_target
from offpeakd.adapters.huaweicloud.strict_answer import (
    Incoming,
    OddAnswerError,
    StrictAnswer,
    TookTooLongError,
)
from offpeakd.core.values import value
from offpeakd.ports import Clock

USER_AGENT: Final = f"offpeakd/{__version__}"

_UNSIGNED: Final = {"Accept": "*/*", "Accept-Encoding": "identity"}
"""No compression: a few bytes could swell to any size."""

_SECRET_HEADERS: Final = frozenset({"authorization", "x-auth-token", "x-security-token"})
_SHORTEST_SECRET: Final = 8
_REMOVED: Final = "[removed]"
_CHUNK: Final = 64 * 1024


@value
class Call:
    """One call, before it is authorized.

    Attributes:
        method: such as `GET`.
        path: percent-encoded.
        query: as it is meant, unescaped.
        body: the exact bytes.
    """

    method: str
    path: str
    query: Query = ()
    body: bytes = b""

    @property
    def target(self) -> str:
        """The target of the request line."""
        return request_target(self.path, self.query)


class CallFailedError(Exception):
    """No whole answer came. Stays inside this package.

    Attributes:
        why: for people; without secrets.
        answer: status and headers, when these came.
        passing: whether another try may end better.
        unsent: whether it is proved that nothing was written.
    """

    def __init__(
        self,
        why: str,
        answer: Answer | None = None,
        *,
        passing: bool = True,
        unsent: bool = False,
    ) -> None:
        super().__init__(why)
        self.why = why
        self.answer = answer
        self.passing = passing
        self.unsent = unsent


class Transport:
    """The connections to one endpoint, for life."""

    def __init__(
        self, endpoint: str, clock: Clock, patience: Patience, ca_file: str | None = None
    ) -> None:
        self._connections = Connections(endpoint, clock, patience.connect, ca_file)
        self._clock = clock
        self._patience = patience
        self._closed = False
        self._longest_read = 2 * patience.read
        self._witness: tuple[datetime, timedelta] | None = None

    @property
    def offset(self) -> timedelta | None:
        """How far our wall clock is ahead of the server's now; None while no answer told a time.

        The last `Date` header ages by boot time, so that a step of our clock shows at once.
        """
        witness = self._witness
        if witness is None:
            return None
        stated, seen_at = witness
        return self._clock.now() - stated - (self._clock.boottime() - seen_at)

    @property
    def host(self) -> str:
        """What the header `Host` says."""
        return self._connections.host

    def exchange(
        self,
        call: Call,
        headers: Mapping[str, str],
        limit: int,
        *,
        before_first_byte: Callable[[], None] | None = None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Make a call, once, and read its answer to the end.

        Args:
            call: what to send.
            headers: with `Host`, and signed where that is needed.
            limit: bytes of the body that are read at the most.
            before_first_byte: asked when the connection stands; what it raises comes through,
                and proves that nothing was written.
            meanwhile: done once the call is written, before its answer is waited for.

        Raises:
            CallFailedError: no whole answer came.
        """
        if self._closed:
            raise CallFailedError("the program is stopping", passing=False)
        connection = self._connected()
        kept = False
        try:
            self._prepare(connection, call, headers)
            if before_first_byte is not None:
                before_first_byte()
            if not is_silent(connection):
                why = f"{self.host}: the server closed the connection, or spoke before it was asked"
                raise CallFailedError(why, unsent=True)
            self._write(connection, call.body)
            meanwhile()
            answer, kept = self._answered(connection, limit, _secrets(headers))
        finally:
            if kept:
                self._connections.give_back(connection)
            else:
                connection.close()
        return answer

    def close(self) -> None:
        """Close the connections; calls made later fail."""
        self._closed = True
        self._connections.close()

    def _connected(self) -> HTTPConnection:
        try:
            return self._connections.take()
        except TimeoutError:
            wait = self._patience.connect.total_seconds()
            raise CallFailedError(f"{self.host}: no connection within {wait:g} s") from None
        except (OSError, UnicodeError) as error:
            raise CallFailedError(f"{self.host}: {str(error) or 'no connection'}") from None

    def _prepare(self, connection: HTTPConnection, call: Call, headers: Mapping[str, str]) -> None:
        """Put the request together; not a byte of it is written yet."""
        length = {} if call.method == "GET" else {"Content-Length": str(len(call.body))}
        try:
            connection.putrequest(
                call.method, call.target, skip_host=True, skip_accept_encoding=True
            )
            for name, content in {**_UNSIGNED, **headers, **length}.items():
                connection.putheader(name, content)
        except (HTTPException, ValueError):
            # Its text repeats the header, which may be a secret.
            why = f"{self.host}: the request can't be written as HTTP"
            raise CallFailedError(why, passing=False) from None

    def _write(self, connection: HTTPConnection, body: bytes) -> None:
        limit = self._patience.write.total_seconds()
        connection.sock.settimeout(limit)
        try:
            connection.endheaders(body or None)
        except TimeoutError:
            raise CallFailedError(
                f"{self.host}: nothing could be written for {limit:g} s"
            ) from None
        except OSError as error:
            raise CallFailedError(f"{self.host}: the connection broke ({error})") from None

    def _answered(
        self, connection: HTTPConnection, limit: int, secrets: tuple[str, ...]
    ) -> tuple[Answer, bool]:
        """The answer, and whether another call may go out on the connection."""
        until = self._clock.boottime() + self._longest_read
        incoming = Incoming(connection.sock, self._clock, self._patience.read, until)
        heads: list[Answer] = []
        cast("Any", connection).response_class = partial(StrictAnswer, incoming)
        try:
            with cast("StrictAnswer", connection.getresponse()) as response:
                heads.append(self._head(response, secrets))
                incoming.until = self._clock.boottime() + self._longest_read
                body = self._body(response, heads[0], limit)
                return replace(heads[0], body=_without(body, secrets)), response.may_be_followed()
        except CallFailedError:
            raise
        except Exception as error:  # noqa: BLE001 - nothing is known of what was sent, whatever kept it from being known
            why = f"{self.host}: {self._why(error)}"
            raise CallFailedError(why, *heads) from None
        finally:
            incoming.close()

    def _head(self, response: StrictAnswer, secrets: tuple[str, ...]) -> Answer:
        head = Answer(response.status, _headers(response, secrets), b"")
        if head.status < HTTPStatus.OK:
            raise CallFailedError(f"{self.host}: {head.status} came in place of an answer", head)
        self._observe(head)
        return head

    def _body(self, response: StrictAnswer, head: Answer, limit: int) -> bytes:
        is_marked = response.is_marked
        body = bytearray()
        while chunk := response.read1(_CHUNK):
            body += chunk
            if len(body) > limit:
                why = f"the answer is longer than {limit} bytes"
                raise CallFailedError(why, head, passing=False)
        if response.length:
            why = f"{self.host}: the connection broke ({response.length} bytes are missing)"
            raise CallFailedError(why, head)
        if not is_marked and json_object(bytes(body)) is None:
            why = f"{self.host}: the connection broke, or the answer has no end"
            raise CallFailedError(why, head)
        return bytes(body)

    def _observe(self, answer: Answer) -> None:
        stated = cloud_time(answer)
        if stated is not None:
            self._witness = (stated, self._clock.boottime())

    def _why(self, error: Exception) -> str:
        match error:
            case TookTooLongError():
                return "the answer took too long"
            case TimeoutError():
                return f"nothing came for {self._patience.read.total_seconds():g} s"
            case OSError() | OddAnswerError():
                return f"the connection broke ({error})"
            case IncompleteRead():
                return "the connection broke (the answer was cut short)"
            case _:
                # Its text repeats what came, which may hold a secret.
                return f"the connection broke ({type(error).__name__})"


def _headers(response: StrictAnswer, secrets: tuple[str, ...]) -> Mapping[str, str]:
    headers = {name: storable_text(content) for name, content in response.fields.items()}
    for secret in secrets:
        headers = {name: text.replace(secret, _REMOVED) for name, text in headers.items()}
    return headers


def _secrets(headers: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        value
        for name, value in headers.items()
        if name.lower() in _SECRET_HEADERS and len(value) >= _SHORTEST_SECRET
    )


def _without(body: bytes, secrets: tuple[str, ...]) -> bytes:
    """The body without secrets that the cloud may repeat, as in an error about a signature."""
    for secret in secrets:
        body = body.replace(secret.encode(), _REMOVED.encode())
    return body
