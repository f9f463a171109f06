"""HTTP to one endpoint: each call once, no redirect, no proxy from the environment."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Final

from offpeakd import __version__
from offpeakd.adapters.huaweicloud.answers import Answer, cloud_time, storable_text
from offpeakd.adapters.huaweicloud.connections import Connections, Patience
from offpeakd.adapters.huaweicloud.signing import Query, request_target
from offpeakd.core.values import value
from offpeakd.ports import Clock

USER_AGENT: Final = f"offpeakd/{__version__}"

_UNSIGNED: Final = {"Accept": "*/*", "Accept-Encoding": "identity"}
"""No compression: a few bytes could swell to any size."""

_SECRET_HEADERS: Final = frozenset({"authorization", "x-auth-token", "x-security-token"})
_SHORTEST_SECRET: Final = 8
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
    """

    def __init__(self, why: str, answer: Answer | None = None, *, passing: bool = True) -> None:
        super().__init__(why)
        self.why = why
        self.answer = answer
        self.passing = passing


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
    ) -> Answer:
        """Make a call, once, and read its answer to the end.

        Args:
            call: what to send.
            headers: with `Host`, and signed where that is needed.
            limit: bytes of the body that are read at the most.
            before_first_byte: asked when the connection stands; what it raises comes through,
                and proves that nothing was written.

        Raises:
            CallFailedError: no whole answer came.
        """
        if self._closed:
            raise CallFailedError("the program is stopping", passing=False)
        connection = self._connected()
        spent = True
        try:
            self._prepare(connection, call, headers)
            if before_first_byte is not None:
                before_first_byte()
            with self._asked(connection, call.body) as response:
                answer = self._read(response, limit, _secrets(headers))
                spent = response.will_close
        finally:
            if spent:
                connection.close()
            else:
                self._connections.give_back(connection)
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

    def _asked(self, connection: HTTPConnection, body: bytes) -> HTTPResponse:
        try:
            connection.sock.settimeout(self._patience.write.total_seconds())
            connection.endheaders(body or None)
            connection.sock.settimeout(self._patience.read.total_seconds())
            return connection.getresponse()
        except (HTTPException, OSError) as error:
            raise CallFailedError(self._why(error)) from None

    def _read(self, response: HTTPResponse, limit: int, secrets: tuple[str, ...]) -> Answer:
        head = Answer(response.status, _headers(response), b"")
        if head.status < HTTPStatus.OK:
            raise CallFailedError(f"{self.host}: {head.status} came in place of an answer", head)
        self._observe(head)
        until = self._clock.boottime() + self._longest_read
        body = bytearray()
        try:
            while chunk := response.read1(_CHUNK):
                body += chunk
                if len(body) > limit:
                    why = f"the answer is longer than {limit} bytes"
                    raise CallFailedError(why, head, passing=False)
                if self._clock.boottime() > until:
                    raise CallFailedError("the answer took too long", head)
        except (HTTPException, OSError) as error:
            raise CallFailedError(self._why(error), head) from None
        if response.length:
            why = f"{self.host}: the connection broke ({response.length} bytes are missing)"
            raise CallFailedError(why, head)
        return Answer(head.status, head.headers, _without(bytes(body), secrets))

    def _observe(self, answer: Answer) -> None:
        stated = cloud_time(answer)
        if stated is not None:
            self._witness = (stated, self._clock.boottime())

    def _why(self, error: HTTPException | OSError) -> str:
        if isinstance(error, TimeoutError):
            return f"{self.host}: nothing came for {self._patience.read.total_seconds():g} s"
        if isinstance(error, OSError):
            return f"{self.host}: the connection broke ({error})"
        # Its text repeats what came, which may hold a secret.
        return f"{self.host}: the connection broke ({type(error).__name__})"


def _headers(response: HTTPResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, content in response.headers.items():
        key, text = name.lower(), storable_text(content)
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
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
        body = body.replace(secret.encode(), b"[removed]")
    return body
