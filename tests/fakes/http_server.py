"""An HTTP/1.1 server on loopback that does what its script says, to the byte."""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO, Self

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_JOIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, whole unless told.

    Attributes:
        status: HTTP status.
        body: its bytes.
        headers: beside `Content-Length`.
        cut: how many of the body's bytes are sent before the connection is closed.
        close: whether the connection is closed after a whole answer.
        sized: whether `Content-Length` is told; without it the body ends with the connection.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    close: bool = False
    sized: bool = True


@dataclass(frozen=True, slots=True)
class Drop:
    """Reads the request and closes without an answer."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Reads the request and resets the connection."""


@dataclass(frozen=True, slots=True)
class Swallow:
    """Reads the request and keeps silent until the server is closed."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Sends bytes as they are, and closes.

    Attributes:
        data: the bytes.
        drips: then it sends these again and again, until the client has had enough.
        pause: seconds before each of these.
    """

    data: bytes
    drips: bytes = b""
    pause: float = 0.001


Step = Reply | Drop | Reset | Swallow | Raw
Script = Callable[[Received], Step]


def answer(status: int, document: object, **headers: str) -> Reply:
    """A JSON answer; underscores in header names stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, json.dumps(document).encode(), {"X-Request-Id": "req-1"} | named)


def in_turn(*steps: Step) -> Script:
    """Each request gets the next step; the last one stays."""
    left = list(steps)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


class HttpServer:
    """Listens from its making until the end of its `with` block.

    Attributes:
        received: the requests that came whole, in order.
        bytes_seen: how many bytes came in all; under TLS, after decryption.
        connections: how many were made.
        greeted: whether a client was sent the greeting.
    """

    def __init__(
        self,
        script: Script | Step,
        *,
        tls: ssl.SSLContext | None = None,
        reset_at_once: bool = False,
        greeting: bytes = b"",
    ) -> None:
        self._script: Script = script if callable(script) else in_turn(script)
        self._tls = tls
        self._reset_at_once = reset_at_once
        self._greeting = greeting
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stopping = threading.Event()
        self._lock = threading.Condition()
        self._peers: set[object] = set()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.received: list[Received] = []
        self.bytes_seen = 0
        self.connections = 0
        self.greeted = threading.Event()
        self._start(self._accept)

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def drain(self) -> None:
        """Wait until everything that clients sent before they closed has been read."""
        with socket.create_connection(("127.0.0.1", self.port)) as marker:
            name: object = marker.getsockname()
        with self._lock:
            if not self._lock.wait_for(lambda: name in self._peers, _JOIN_SECONDS):
                raise TimeoutError
        self.connections -= 1
        for thread in self._threads[1:]:
            thread.join(_JOIN_SECONDS)

    def hang_up(self) -> None:
        """Close every connection, whatever goes on there."""
        with self._lock:
            for connection in self._open:
                _shut(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        _shut(self._listener)
        self.hang_up()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)
        self._listener.close()

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, peer = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self._reset_at_once:
                _reset(connection)
                continue
            with self._lock:
                self._open.add(connection)
            self._start(partial(self._serve, connection))
            with self._lock:
                self._peers.add(peer)
                self._lock.notify_all()

    def _serve(self, raw: socket.socket) -> None:
        try:
            connection = self._tls.wrap_socket(raw, server_side=True) if self._tls else raw
            with connection, connection.makefile("rb") as stream:
                connection.sendall(self._greeting)
                self.greeted.set()
                while not self._stopping.is_set() and self._one(connection, stream):
                    pass
        except OSError:
            return
        finally:
            with self._lock:
                self._open.discard(raw)
            raw.close()

    def _one(self, connection: socket.socket, stream: BinaryIO) -> bool:
        request = self._read(stream)
        if request is None:
            return False
        match self._script(request):
            case Reply() as reply:
                return _send(connection, reply)
            case Raw() as raw:
                connection.sendall(raw.data)
                while raw.drips and not self._stopping.wait(raw.pause):
                    connection.sendall(raw.drips)
                _shut(connection)
            case Drop():
                _shut(connection)
            case Reset():
                _reset(connection)
            case Swallow():
                self._stopping.wait(60)
        return False

    def _read(self, stream: BinaryIO) -> Received | None:
        head: list[bytes] = []
        while (line := stream.readline()) not in {b"", b"\r\n"}:
            self.bytes_seen += len(line)
            head.append(line)
        if not head or line == b"":
            return None
        method, target, _ = head[0].decode("latin-1").split(" ")
        pairs = [text.decode("latin-1").partition(":") for text in head[1:]]
        headers = tuple((name, value.strip()) for name, _, value in pairs)
        length = next((int(v) for name, v in headers if name.lower() == "content-length"), 0)
        body = stream.read(length)
        self.bytes_seen += len(body)
        if len(body) < length:
            return None
        request = Received(method, target, headers, body)
        self.received.append(request)
        return request


def _send(connection: socket.socket, reply: Reply) -> bool:
    length = {"Content-Length": str(len(reply.body))} if reply.sized else {}
    closing = reply.close or reply.cut is not None or not reply.sized
    headers = {**length, **({"Connection": "close"} if closing else {}), **reply.headers}
    lines = [f"HTTP/1.1 {reply.status} Said", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
    connection.sendall("\r\n".join(lines).encode("latin-1") + reply.body[: reply.cut])
    return not closing


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    connection.close()


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        connection.close()


def closed_port() -> int:
    """A port of loopback on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def targets(received: Iterable[Received]) -> list[str]:
    """Method and target of each request."""
    return [f"{request.method} {request.target}" for request in received]
