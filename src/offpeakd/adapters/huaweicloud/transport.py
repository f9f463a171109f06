"""HTTP to one endpoint: each call once, no redirect, no proxy from the environment."""

import logging
import ssl
from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import Any, Final, cast

from offpeakd import __version__
from offpeakd.adapters.huaweicloud.answers import Answer, cloud_time
from offpeakd.adapters.huaweicloud.signing import Query, request_target
from offpeakd.adapters.left_out import left_out
from offpeakd.core.errors import ConfigurationError, Problem
from offpeakd.core.values import value
from offpeakd.ports import Clock

# Its command line takes click, pygments and rich along.
with left_out("httpx._main"):
    import httpx

USER_AGENT: Final = f"offpeakd/{__version__}"

_UNSIGNED: Final = {"Accept": "*/*", "Accept-Encoding": "identity"}
"""No compression: a few bytes could swell to any size."""

_SECRET_HEADERS: Final = frozenset({"authorization", "x-auth-token", "x-security-token"})
_SHORTEST_SECRET: Final = 8
_IDLE_LIMIT: Final = 30.0
"""Seconds a connection may lie unused: well under what gateways allow, so that none is found dead."""


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


@value
class Patience:
    """How long a call may take.

    Attributes:
        connect: for name, connection and TLS, each.
        read: the longest silence while an answer is awaited; a whole body may take twice that.
        write: the longest halt while a request is written.
    """

    connect: timedelta
    read: timedelta
    write: timedelta


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
        # Their INFO lines show every address, their DEBUG lines show tokens.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        logging.getLogger("httpcore").setLevel(logging.WARNING)
        self._base = httpx.URL(endpoint)
        self._clock = clock
        self._patience = patience
        # A client would add what no call here may have or needs: redirects, cookies, proxies.
        # The first one imports its own library, which takes what is for coroutines along.
        with left_out("anyio"):
            self._pool = httpx.HTTPTransport(
                verify=_tls(self._base.scheme, ca_file),
                http1=True,
                http2=False,
                trust_env=False,
                limits=httpx.Limits(keepalive_expiry=_IDLE_LIMIT),
            )
        self._closed = False
        self._longest_read = 2 * patience.read
        self._timeout = httpx.Timeout(
            connect=patience.connect.total_seconds(),
            read=patience.read.total_seconds(),
            write=patience.write.total_seconds(),
            pool=patience.connect.total_seconds(),
        ).as_dict()
        # Most calls have the same: the library takes as long to put it together as to send it.
        self._url = lru_cache(maxsize=64)(self._url_of)
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
        return self._base.netloc.decode("ascii")

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
        request = self._request(call, headers)
        if before_first_byte is not None:
            request.extensions["trace"] = _FirstByte(before_first_byte, request.extensions)
        try:
            response = self._pool.handle_request(request)
        except httpx.HTTPError as error:
            raise CallFailedError(self._why(error)) from None
        try:
            return self._read(response, limit, _secrets(headers))
        finally:
            response.close()

    def close(self) -> None:
        """Close the connections; calls made later fail."""
        self._closed = True
        self._pool.close()

    def _url_of(self, target: str) -> httpx.URL:
        return self._base.copy_with(raw_path=target.encode("ascii"))

    def _request(self, call: Call, headers: Mapping[str, str]) -> httpx.Request:
        """What goes out, whole: given a stream, the library adds no header of its own."""
        length = {} if call.method == "GET" else {"Content-Length": str(len(call.body))}
        return httpx.Request(
            call.method,
            self._url(call.target),
            headers={**_UNSIGNED, **headers, **length},
            stream=httpx.ByteStream(call.body),
            extensions={"timeout": self._timeout},
        )

    def _read(self, response: httpx.Response, limit: int, secrets: tuple[str, ...]) -> Answer:
        headers = dict(response.headers.items())
        head = Answer(response.status_code, headers, b"")
        self._observe(head)
        until = self._clock.boottime() + self._longest_read
        body = bytearray()
        # Straight from the connection: the response would count and cut what is only joined here.
        chunks = cast("httpx.SyncByteStream", response.stream)
        try:
            for chunk in chunks:
                body += chunk
                if len(body) > limit:
                    why = f"the answer is longer than {limit} bytes"
                    raise CallFailedError(why, head, passing=False)
                if self._clock.boottime() > until:
                    raise CallFailedError("the answer took too long", head)
        except httpx.HTTPError as error:
            raise CallFailedError(self._why(error), head) from None
        return Answer(response.status_code, headers, _without(bytes(body), secrets))

    def _observe(self, answer: Answer) -> None:
        stated = cloud_time(answer)
        if stated is not None:
            self._witness = (stated, self._clock.boottime())

    def _why(self, error: httpx.HTTPError) -> str:
        seconds = self._patience.read.total_seconds()
        match error:
            case httpx.ConnectTimeout() | httpx.PoolTimeout():
                wait = self._patience.connect.total_seconds()
                return f"{self.host}: no connection within {wait:g} s"
            case httpx.ConnectError():
                return f"{self.host}: {str(error) or 'no connection'}"
            case httpx.ReadTimeout():
                return f"{self.host}: nothing came for {seconds:g} s"
            case httpx.LocalProtocolError():
                # Its text repeats the header, which may be a secret.
                return f"{self.host}: the request can't be written as HTTP"
            case _:
                return f"{self.host}: the connection broke ({str(error) or type(error).__name__})"


class _FirstByte:
    """Calls back once, at the first event that is not about the connection.

    With httpcore 1 that is `http11.send_request_headers.started`. No later event is asked for.
    """

    def __init__(self, ask: Callable[[], None], extensions: MutableMapping[str, Any]) -> None:
        self._ask = ask
        self._extensions = extensions
        self._asked = False

    def __call__(self, event: str, _info: object) -> None:
        if self._asked or event.startswith("connection."):
            return
        self._asked = True
        self._extensions.pop("trace", None)
        self._ask()


def _tls(scheme: str, ca_file: str | None) -> ssl.SSLContext:
    if ca_file is not None:
        try:
            context = ssl.create_default_context(cafile=ca_file)
        except OSError as error:
            what = f"no certificates can be read from it ({error.strerror or error})"
            fix = "Name a PEM file with the authorities to trust."
            raise ConfigurationError((Problem(ca_file, 0, 0, "ca_file", what, fix),)) from None
        return _modern(context)
    # Without TLS there is nobody to trust: this one trusts nobody, and costs nothing.
    return _public() if scheme == "https" else _modern(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


@cache
def _public() -> ssl.SSLContext:
    """The public authorities: reading them takes longer than many calls, so all targets share."""
    return _modern(httpx.create_ssl_context(trust_env=False))


def _modern(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


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
