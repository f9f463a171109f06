"""A small HTTP/1.1 server on loopback, one thread a connection, that can also fail as told."""

import contextlib
import ipaddress
import socket
import struct
from collections.abc import Callable
from datetime import datetime
from threading import Event, Lock, Thread
from typing import BinaryIO, Final

from offpeakd.core.errors import OffpeakdError, UsageError
from offpeakd.emulator.refusals import bad_request
from offpeakd.emulator.reply import Ending, Reply, refusal_reply
from offpeakd.emulator.verify import Arrived
from offpeakd.emulator.wire import UnreadableCallError, read_call, write_head

_JOIN_SECONDS: Final = 5.0
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_BACKLOG: Final = 128

Answerer = Callable[[Arrived, datetime], Reply]


def loopback_host(host: str) -> str:
    """The address to listen on.

    Raises:
        UsageError: it is not a loopback address.
    """
    if host == "localhost":
        return "127.0.0.1"
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return host
    raise UsageError(
        f"The emulator listens on loopback addresses only, not on {host[:80]!r}",
        fix="Use 127.0.0.1:9417, or [::1]:9417.",
    )


class Server:
    """Listens, reads calls, sends what the answerer says."""

    def __init__(
        self, listen: tuple[str, int], answerer: Answerer, now: Callable[[], datetime]
    ) -> None:
        """Bind at once.

        Args:
            listen: a loopback address and a port; port 0 takes any free one.
            answerer: answers one call; called from many threads.
            now: the wall clock.

        Raises:
            UsageError: not a loopback address.
            OffpeakdError: the port can't be had.
        """
        self._answerer = answerer
        self._now = now
        self._stopping = Event()
        self._lock = Lock()
        self._open: dict[socket.socket, Thread] = {}
        self._listener = _listener(listen)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._accepting = Thread(target=self._accept, name="emulator", daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Stop listening and end every connection; returns when all threads are done."""
        self._stopping.set()
        with contextlib.suppress(OSError):
            socket.create_connection(self.address, timeout=_JOIN_SECONDS).close()
        self._accepting.join(_JOIN_SECONDS)
        self._listener.close()
        with self._lock:
            still_open = dict(self._open)
        for connection in still_open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in still_open.values():
            thread.join(_JOIN_SECONDS)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self._stopping.is_set():
                connection.close()
                return
            thread = Thread(
                target=self._serve, args=(connection,), name="emulator-connection", daemon=True
            )
            with self._lock:
                self._open[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
                while self._exchange(connection, stream):
                    pass
        finally:
            with self._lock:
                self._open.pop(connection, None)

    def _exchange(self, connection: socket.socket, stream: BinaryIO) -> bool:
        """One call and its answer; False when the connection is at its end."""
        try:
            incoming = read_call(stream, self._now)
        except UnreadableCallError as error:
            refusal = bad_request(str(error), error.status)
            _send(connection, refusal_reply(refusal, ""), keep_alive=False)
            return False
        if incoming is None:
            return False
        reply = self._answerer(incoming.arrived, incoming.at)
        match reply.ending:
            case Ending.SENT:
                _send(connection, reply, keep_alive=incoming.keep_alive)
                return incoming.keep_alive
            case Ending.CUT:
                _send(connection, reply, keep_alive=True, cut=True)
            case Ending.RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            case Ending.SILENT:
                stream.read(1)
            case Ending.DROPPED:
                pass
        return False


def _send(connection: socket.socket, reply: Reply, *, keep_alive: bool, cut: bool = False) -> None:
    head = write_head(
        reply.status, len(reply.body), reply.content_type, reply.headers, keep_alive=keep_alive
    )
    body = reply.body[: len(reply.body) // 2] if cut else reply.body
    connection.sendall(head + body)


def _listener(listen: tuple[str, int]) -> socket.socket:
    host, port = loopback_host(listen[0]), listen[1]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OffpeakdError(
            f"The emulator can't listen on {host} port {port}: {error.strerror}",
            fix="Choose another port with --listen, or stop the program that uses this one.",
        ) from error
    return listener
