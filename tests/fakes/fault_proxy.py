"""A proxy on loopback, in front of a pretended cloud, that spoils a connection as told.

It passes HTTP/1.1 on, one call after the other, until it is armed; then the next call, or the
next connection, meets the fault.
"""

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from typing import BinaryIO, Final, Self

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_JOIN_SECONDS: Final = 5.0
_LONGEST: Final = 60.0


class Spoil(Enum):
    """What happens to one connection. Those of a call begin once it has been read."""

    RESET_ON_CONNECT = "reset on connect"
    """The connection is taken and reset at once."""
    BLACK_HOLE = "black hole"
    """The connection is taken; nothing is read from it, and nothing ever comes."""
    SLOW_CONNECT = "slow connect"
    """What the client says first, such as the beginning of TLS, is heard late."""
    RESET_BEFORE = "reset before"
    """The call is read and not passed on; the connection is reset."""
    RESET_AFTER = "reset after"
    """The cloud gets the call and answers; the client gets a reset."""
    END_AFTER = "end after"
    """The cloud gets the call and answers; the client gets the orderly end of the connection."""
    SWALLOWED = "swallowed"
    """The cloud gets the call and answers; the client gets nothing."""
    CUT = "cut"
    """The client gets the head of the answer and half of its body."""
    SLOW_ANSWER = "slow answer"
    """The client gets the answer late."""


_OF_CONNECTIONS: Final = frozenset({Spoil.RESET_ON_CONNECT, Spoil.BLACK_HOLE, Spoil.SLOW_CONNECT})


class FaultProxy:
    """Listens from its making until the end of its `with` block.

    Attributes:
        pause: seconds that a slow connection or answer is late.
    """

    def __init__(
        self, upstream: str, *, pause: float = 0.5, tls: ssl.SSLContext | None = None
    ) -> None:
        """Listen at once.

        Args:
            upstream: address of the cloud, such as `http://127.0.0.1:9417`.
            pause: see there.
            tls: with it, clients speak TLS with the proxy.
        """
        host, _, port = upstream.partition("://")[2].rpartition(":")
        self._tls = tls
        self._upstream = (host, int(port))
        self.pause = pause
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port: int = self._listener.getsockname()[1]
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._armed: Spoil | None = None
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    def arm(self, spoil: Spoil) -> None:
        """Spoil the next call, or the next connection; what stands open for that ends."""
        with self._lock:
            self._armed = spoil
            standing = set(self._open) if spoil in _OF_CONNECTIONS else set()
        for connection in standing:
            _shut(connection)

    def close_port(self) -> None:
        """From now on nobody listens; connections that stand end."""
        with self._lock:
            standing = set(self._open)
        for connection in (self._listener, *standing):
            _shut(connection)
        self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.close_port()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)

    # ------------------------------------------------------------------ connections

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True, name="fault-proxy")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._start(partial(self._serve, connection, self._disarmed(_OF_CONNECTIONS)))

    def _disarmed(self, kinds: frozenset[Spoil]) -> Spoil | None:
        with self._lock:
            found = self._armed if self._armed in kinds else None
            if found is not None:
                self._armed = None
            return found

    def _serve(self, connection: socket.socket, spoil: Spoil | None) -> None:
        if spoil is Spoil.RESET_ON_CONNECT:
            _reset(connection)
            return
        with self._kept(connection), contextlib.suppress(OSError):
            if spoil is Spoil.BLACK_HOLE:
                self._stopping.wait(_LONGEST)
                return
            if spoil is Spoil.SLOW_CONNECT:
                self._stopping.wait(self.pause)
            # Wrapped, the socket is another object, and that one has to be known for its end.
            client = (
                self._tls.wrap_socket(connection, server_side=True) if self._tls else connection
            )
            with (
                self._kept(client),
                socket.create_connection(self._upstream) as cloud,
                self._kept(cloud),
            ):
                self._pass_calls(client, cloud)

    @contextlib.contextmanager
    def _kept(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(connection)
        try:
            with connection:
                yield
        finally:
            with self._lock:
                self._open.discard(connection)

    # ------------------------------------------------------------------ what passes

    def _pass_calls(self, client: socket.socket, cloud: socket.socket) -> None:
        with client.makefile("rb") as said, cloud.makefile("rb") as answered:
            while (call := _message(said)) is not None:
                spoil = self._disarmed(frozenset(Spoil) - _OF_CONNECTIONS)
                if spoil is Spoil.RESET_BEFORE:
                    _reset(client)
                    return
                cloud.sendall(call)
                answer = _message(answered)
                if answer is None or not self._hand_over(client, answer, spoil):
                    return

    def _hand_over(self, client: socket.socket, answer: bytes, spoil: Spoil | None) -> bool:
        """Give the client its answer; False when the connection is at its end."""
        match spoil:
            case None:
                client.sendall(answer)
                return True
            case Spoil.SLOW_ANSWER:
                self._stopping.wait(self.pause)
                client.sendall(answer)
                return True
            case Spoil.CUT:
                head, _, body = answer.partition(b"\r\n\r\n")
                client.sendall(head + b"\r\n\r\n" + body[: len(body) // 2])
            case Spoil.RESET_AFTER:
                _reset(client)
            case Spoil.SWALLOWED:
                self._stopping.wait(_LONGEST)
            case _:
                pass
        return False


def _message(stream: BinaryIO) -> bytes | None:
    """A whole call or answer; None at the end of the connection."""
    head = b""
    length = 0
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return None
        head += line
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    body = stream.read(length)
    return head + body if len(body) == length else None


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    connection.close()


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
