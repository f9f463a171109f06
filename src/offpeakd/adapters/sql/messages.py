"""Several statements of PostgreSQL as one message.

A message there and back is most of what a short statement costs. libpq's pipeline mode (PostgreSQL
manual, 34.5) sends any number of statements at once, each with its values beside it, and the
server answers them in order: no value is ever part of a statement's text, and nothing is asked of
the server that a pooler could not give. The driver's own pipeline makes a cursor for each
statement, which costs as much as the server's work for it; the mode itself is the driver's.
"""

# ruff: noqa: PLC0415 - the driver takes longer to load than SQLite takes to open

import re
import select
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from offpeakd.adapters.sql.connection import Connection

if TYPE_CHECKING:
    import psycopg
    from psycopg.pq.abc import PGconn, PGresult

Row = tuple[Any, ...]

_LATE: Final = 1000
"""Milliseconds of silence after which an answer that may as well stay unknown is given up."""

_VALUE: Final = re.compile(r"%\((\w+)\)s|%%")


class Step(NamedTuple):
    """One statement of a message.

    Attributes:
        text: with `$1`, `$2` … where values go.
        values: these, in order.
        name: by which the server knows the statement; None where it is sent in full.
        asks: whether its rows are wanted.
    """

    text: bytes
    values: Sequence[Any] = ()
    name: bytes | None = None
    asks: bool = True


class Numbered(NamedTuple):
    """A statement as the server takes it: its text, and the names of its values in order."""

    text: str
    sent: bytes
    names: tuple[str, ...]

    def step(self, values: Mapping[str, Any], name: bytes | None = None) -> Step:
        """The statement with its values."""
        return Step(self.sent, [values[one] for one in self.names], name)


@lru_cache(maxsize=512)
def numbered(text: str) -> Numbered:
    """A statement whose values are written `%(name)s`, and a percent sign `%%`, as the driver does."""
    names = tuple(dict.fromkeys(name for name in _VALUE.findall(text) if name))

    def place(found: re.Match[str]) -> str:
        return f"${names.index(found[1]) + 1}" if found[1] else "%"

    placed = _VALUE.sub(place, text)
    return Numbered(placed, placed.encode(), names)


def words(text: str) -> Step:
    """A statement without values, whose rows nobody wants."""
    return Step(text.encode(), asks=False)


def set_local(settings: Mapping[str, str]) -> str:
    """Statements that set something until the transaction ends."""
    return "; ".join(f"SET LOCAL {name} = {value}" for name, value in settings.items())


def exchanged(connection: Connection, steps: Sequence[Step]) -> list[list[Row]]:
    """Send statements as one message, and read all that is answered.

    Args:
        connection: to PostgreSQL, for nobody else at this moment.
        steps: the statements. Where one fails, those behind it are not run.

    Returns:
        the rows of each statement that asks, in order.

    Raises:
        psycopg.Error: the first statement that fails, or a connection that breaks.
    """
    return Talk(connection).end(steps)


def is_quiet(connection: Connection) -> bool:
    """Whether nothing has come in on a connection that nobody uses.

    What comes there is its end, the server's last word before it, or news of a reload: reason
    enough to open another one. A server that fell silent isn't noticed.
    """
    waiting = select.poll()
    waiting.register(connection.driver.pgconn.socket, select.POLLIN)
    return not waiting.poll(0)


def is_cut(connection: Connection) -> bool:
    """Whether the server has ended a connection, whatever answers still lie there."""
    ended = select.poll()
    ended.register(connection.driver.pgconn.socket, select.POLLRDHUP)
    return bool(ended.poll(0))


class _Heard(NamedTuple):
    """The rows of each statement that asks, and the first statement that failed."""

    rows: list[list[Row]]
    failed: "PGresult | None"


class _Part(NamedTuple):
    """Statements whose answers are heard together, and whether a message ends with them."""

    steps: Sequence[Step]
    ends: bool = True


class Talk:
    """Messages, the first of which may be sent in parts, with their answers, on one connection.

    Args:
        connection: to PostgreSQL, for nobody else until the talk has ended.
    """

    def __init__(self, connection: Connection) -> None:
        from psycopg import pq
        from psycopg.adapt import PyFormat, Transformer

        self._driver: psycopg.Connection[Any] = connection.driver
        self._server: PGconn = self._driver.pgconn
        self._status = pq.ExecStatus
        self._failed = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.PIPELINE_ABORTED)
        self._types = Transformer(self._driver)
        self._text = PyFormat.TEXT
        self._ears = select.poll()
        self._said: deque[_Part] = deque()

    def begin(self, steps: Sequence[Step]) -> None:
        """Send the first statements, for the server to work on meanwhile.

        Where they leave a transaction open, the server waits no longer than its limits say: it
        counts the time between messages, not between the statements of one.

        Raises:
            psycopg.Error: the connection broke.
        """
        with self._whole():
            self._send(_Part(steps))

    def end(self, steps: Sequence[Step], *then: Sequence[Step]) -> list[list[Row]]:
        """Send the last statements, and read what all were answered; see `exchanged`.

        Args:
            steps: the statements.
            then: one more message, in parts, which follows whatever becomes of them. Each part has
                to be heard before anything else is said on the connection.

        Returns:
            the rows of each statement that asks, but for those of the message that follows.
        """
        parts = [_Part(part, part is then[-1]) for part in then]
        with self._whole():
            self._send(_Part(steps), *parts)
            heard = [self._heard() for _ in range(len(self._said) - len(parts))]
        failed = next((one.failed for one in heard if one.failed is not None), None)
        if failed is not None or not then:
            self.hear_out()
        if failed is not None:
            raise self._error(failed)
        return [rows for one in heard for rows in one.rows]

    def hear(self) -> list[list[Row]] | None:
        """The rows of the next part of the message that follows.

        Returns:
            None where it failed or nothing came in time: it asked for what may as well stay
            unknown, and what came before it stands.
        """
        import psycopg

        try:
            with self._whole():
                heard = self._heard(_LATE)
                self._leave()
        except (psycopg.Error, ValueError, IndexError):
            return None
        return heard.rows if heard.failed is None else None

    def hear_out(self) -> None:
        """Hear whatever follows, which nobody wants to know any more."""
        import psycopg

        with suppress(psycopg.Error, ValueError), self._whole():
            while self._said:
                self._heard(_LATE)
            self._leave()

    def _leave(self) -> None:
        """Let the connection be used in the ordinary way again, once all is heard."""
        if not self._said:
            self._server.exit_pipeline_mode()

    @contextmanager
    def _whole(self) -> Generator[None]:
        """Whatever comes between, no connection is left behind with answers to come."""
        try:
            yield
        except BaseException:
            self._said.clear()
            self._driver.close()
            raise

    def _send(self, *parts: _Part) -> None:
        """Send messages at once; each is run even where one before it fails."""
        if not self._said:
            self._server.enter_pipeline_mode()
        for part in parts:
            for step in part.steps:
                self._say(step)
            if part.ends:
                self._server.pipeline_sync()
            else:
                # The server keeps its answers until there are many, or it is told to part with them.
                self._server.send_flush_request()
            self._said.append(part)
        self._flush()

    def _heard(self, patience: int | None = None) -> _Heard:
        """What the next part was answered."""
        rows: list[list[Row]] = []
        failed: PGresult | None = None
        part = self._said[0]
        for step in part.steps:
            result = self._result(patience)
            if failed is None and result.status in self._failed:
                failed = result
            elif step.asks and result.status == self._status.TUPLES_OK:
                self._types.set_pgresult(result)
                rows.append(self._types.load_rows(0, result.ntuples, tuple))
        if part.ends:
            self._next(patience)
        self._said.popleft()
        return _Heard(rows, failed)

    def _say(self, step: Step) -> None:
        values = self._types.dump_sequence(step.values, [self._text] * len(step.values))
        if step.name is None:
            self._server.send_query_params(step.text, values)
        else:
            self._server.send_query_prepared(step.name, values)

    def _flush(self) -> None:
        server = self._server
        while server.flush():
            # A server that waits for its answers to be read takes no more either.
            self._ears.register(server.socket, select.POLLIN | select.POLLOUT)
            if any(what & ~select.POLLOUT for _, what in self._ears.poll()):
                server.consume_input()
        self._ears.register(server.socket, select.POLLIN)

    def _result(self, patience: int | None) -> "PGresult":
        """What became of the next statement."""
        import psycopg

        result = self._next(patience)
        if result is None:
            raise psycopg.OperationalError(self._server.get_error_message())
        while self._next(patience) is not None:
            pass
        return result

    def _next(self, patience: int | None) -> "PGresult | None":
        while self._server.is_busy():
            if not self._ears.poll(patience):
                self._give_up()
            self._server.consume_input()
        return self._server.get_result()

    def _give_up(self) -> NoReturn:
        import psycopg

        raise psycopg.OperationalError("the server fell silent")

    def _error(self, result: "PGresult") -> "psycopg.Error":
        import psycopg
        from psycopg import pq

        state = result.error_field(pq.DiagnosticField.SQLSTATE)
        if state is None:
            return psycopg.OperationalError(result.get_error_message())
        return psycopg.errors.error_from_result(result)
