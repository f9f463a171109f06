"""Connections to one endpoint that outlast a call, and whom they trust."""

import ssl
from collections import deque
from datetime import timedelta
from functools import cache
from http.client import HTTPConnection, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from offpeakd.core.errors import ConfigurationError, Problem
from offpeakd.core.values import value
from offpeakd.ports import Clock

_IDLE_LIMIT: Final = timedelta(seconds=30)
"""How long a connection may lie unused: well under what gateways allow, so none is found dead."""


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


class Connections:
    """Those to one endpoint. Any number at once, each for one thread at a time.

    Attributes:
        host: what the header `Host` says.
    """

    def __init__(
        self, endpoint: str, clock: Clock, connect: timedelta, ca_file: str | None
    ) -> None:
        """Nothing is connected yet.

        Args:
            endpoint: scheme, host and port, as `validate_endpoint` gives it.
            clock: of the machine.
            connect: how long each step to a connection may take.
            ca_file: PEM with the authorities to trust; the public ones unless given.

        Raises:
            ConfigurationError: the file with the authorities can't be used.
        """
        address = urlsplit(endpoint)
        self.host = address.netloc
        self._name = address.hostname or ""
        self._secure = address.scheme == "https"
        # Told to the library, or it would look for one in an IPv6 address.
        self._port = address.port or (443 if self._secure else 80)
        self._clock = clock
        self._connect = connect.total_seconds()
        self._tls = None if address.scheme == "http" and ca_file is None else _tls(ca_file)
        self._idle: deque[tuple[HTTPConnection, timedelta]] = deque()
        self._closed = False

    def take(self) -> HTTPConnection:
        """A connection that stands: the one that was used last, or a new one.

        It never connects again by itself: nothing may be written that nobody was asked about.

        Raises:
            OSError, UnicodeError: there is none to be had.
        """
        while (kept := self._kept()) is not None:
            connection, unused_since = kept
            if self._clock.boottime() - unused_since < _IDLE_LIMIT and is_silent(connection):
                return connection
            connection.close()
        connection = self._new()
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        connection.auto_open = 0
        return connection

    def give_back(self, connection: HTTPConnection) -> None:
        """Keep a connection, whose answer was read to its end, for the next call."""
        self._idle.append((connection, self._clock.boottime()))
        if self._closed:
            self.close()

    def close(self) -> None:
        """Close what is kept, and keep nothing from now on."""
        self._closed = True
        while (kept := self._kept()) is not None:
            kept[0].close()

    def _kept(self) -> tuple[HTTPConnection, timedelta] | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _new(self) -> HTTPConnection:
        if self._secure:
            return HTTPSConnection(self._name, self._port, timeout=self._connect, context=self._tls)
        return HTTPConnection(self._name, self._port, timeout=self._connect)


def is_silent(connection: HTTPConnection) -> bool:
    """Whether nothing came that nobody has read: neither an end, nor bytes of nobody's.

    The connection itself is asked, since under TLS some may have been read already, and what came
    need not be meant for us. What is not silent is of no use any more.
    """
    connection.sock.settimeout(0)
    try:
        connection.sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    return False


def _tls(ca_file: str | None) -> ssl.SSLContext:
    if ca_file is None:
        return _public()
    try:
        return _modern(ssl.create_default_context(cafile=ca_file))
    except OSError as error:
        what = f"no certificates can be read from it ({error.strerror or error})"
        fix = "Name a PEM file with the authorities to trust."
        raise ConfigurationError((Problem(ca_file, 0, 0, "ca_file", what, fix),)) from None


@cache
def _public() -> ssl.SSLContext:
    """The public authorities: reading them takes longer than many calls, so all targets share."""
    import certifi  # noqa: PLC0415 - what it takes along would delay the start of a daemon that trusts others

    return _modern(ssl.create_default_context(cafile=certifi.where()))


def _modern(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
