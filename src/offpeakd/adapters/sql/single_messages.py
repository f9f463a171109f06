"""What is asked of PostgreSQL, or written there, as one message with the transaction around it."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from offpeakd.adapters.sql.connection import Connection
from offpeakd.adapters.sql.connections import MOST, Connections
from offpeakd.adapters.sql.faults import library_errors
from offpeakd.adapters.sql.messages import Row, Step, Talk, exchanged, is_cut, words
from offpeakd.adapters.sql.planned import Planned
from offpeakd.core.values import value

BEGIN_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

_NO_TABLE_THROUGH: Final = {"enable_seqscan": "off"}
"""Keeps PostgreSQL from planning, once for many times, to read a table that is empty just now."""

KEYS_ALONE: Final = {**_NO_TABLE_THROUGH, "enable_hashjoin": "off", "enable_mergejoin": "off"}
"""Makes PostgreSQL find the few rows that a transaction writes by their keys.

Of a queue that was filled just now it has no statistics yet, and would read all of it for ten rows.
"""

_BRIEFLY: Final = {"lock_timeout": "50", "statement_timeout": "500"}
"""Milliseconds for what is asked ahead: whoever wrote waits for it, and it is soon of no use."""

_NOT_LASTING: Final = words("SET LOCAL synchronous_commit = off")

_MOST_BEGUN: Final = MOST // 3
"""Writes that may be under way at once: each lane that has one needs another connection beside."""

_Said = TypeVar("_Said")


@value
class Begun:
    """What PostgreSQL was told to write already, in a transaction that `SingleMessages.write` ends.

    Attributes:
        connection: where.
        talk: what was said there.
        texts: the statements.
        values: of all of them, by name.
    """

    connection: Connection
    talk: Talk
    texts: Sequence[str]
    values: Mapping[str, Any]


@value
class Ahead:
    """What is asked right after something is written, in the same breath.

    Attributes:
        parts: of one statement or more, which lock nothing; each part is heard when it is wanted.
        values: of all, by name.
    """

    parts: Sequence[Sequence[str]]
    values: Mapping[str, Any]


NOTHING_AHEAD: Final = Ahead((), {})


class Written(NamedTuple):
    """What a message that writes was answered.

    Attributes:
        rows: of the statements that write, one each.
        hear: gives the rows of each statement of the next part of what is asked ahead; None where
            these could not be read. A connection is kept until all parts were heard, so that has
            to be done within moments, whatever else happens.
    """

    rows: list[Row]
    hear: "Hear"


Hear = Callable[[], list[list[Row]] | None]


class SingleMessages:
    """Talks with one server; safe to share between threads.

    Args:
        connections: to it.
        limits: that hold in each transaction.
    """

    def __init__(self, connections: Connections, limits: Mapping[str, str]) -> None:
        self._connections = connections
        self._planned = Planned(limits)
        self._set_to_ask = _set_config({**limits, **_NO_TABLE_THROUGH})
        self._set_to_look = _set_config({**limits, **_BRIEFLY, **_NO_TABLE_THROUGH})
        self._set_to_write = _set_config({**limits, **KEYS_ALONE})
        self._room_to_begin = threading.BoundedSemaphore(_MOST_BEGUN)

    def ask(
        self, texts: Sequence[str], values: Mapping[str, Any], *, locks: bool
    ) -> list[list[Row]]:
        """The rows of each statement.

        Args:
            texts: one statement each.
            values: of all, by name.
            locks: whether they lock rows, which is taken back at the end. They see one moment
                where they don't.
        """

        def say(connection: Connection) -> list[list[Row]]:
            steps = self._planned.steps(connection, [self._set_to_ask, *texts], values)
            if len(texts) == 1 and not locks:
                # A message is a transaction by itself, and one statement sees one moment.
                return exchanged(connection, steps)
            begin = words("BEGIN" if locks else BEGIN_READ)
            return exchanged(connection, (begin, *steps, words("ROLLBACK")))

        connection, (_, *found) = self._in_full_if_need_be(lambda: self._connections.begun(say))
        self._connections.put_back(connection)
        return found

    def begin(self, texts: Sequence[str], values: Mapping[str, Any]) -> Begun | None:
        """Let the server begin to write, while we decide what else to.

        It has to be ended by `write` within moments. None where too many are under way, since the
        rest of the program needs connections as well; and where the server may not be talked to
        directly: a pooler's connections are few, and whoever holds one here asks for another.
        """
        if not self._room_to_begin.acquire(blocking=False):
            return None
        begun = None
        try:
            begun = self._begun(self._connections.quiet(), texts, values)
        finally:
            if begun is None:
                self._room_to_begin.release()
        return begun

    def _begun(
        self, connection: Connection, texts: Sequence[str], values: Mapping[str, Any]
    ) -> Begun | None:
        if not self._planned.is_direct(connection):
            self._connections.put_back(connection)
            return None
        try:
            self._name_the_rest(connection)
            steps = self._planned.steps(connection, [self._set_to_write, *texts], values)
            talk = Talk(connection)
            talk.begin((words("BEGIN"), *steps))
        except BaseException:
            self._connections.drop(connection)
            raise
        return Begun(connection, talk, texts, values)

    def write(
        self,
        texts: Sequence[str],
        values: Mapping[str, Any],
        lock: str = "",
        begun: Begun | None = None,
        *,
        lasting: bool = True,
        ahead: Ahead = NOTHING_AHEAD,
    ) -> Written:
        """Statements that write all or nothing, as one message with their COMMIT.

        It is sent again only where it has certainly failed as a whole, for a name that the server
        didn't know or before its COMMIT was said.

        Args:
            texts: one statement each, which returns one row.
            values: of all, by name.
            lock: the statement that takes a lock before them; they see what came before it.
            begun: what was begun already, which they end.
            lasting: whether a crash of the server right after this must not lose it.
            ahead: what is asked once it is written.

        Returns:
            the row of each, after those of what was begun, and how to hear what is asked ahead.
        """
        if begun is None:
            first = (*_taking(lock), *(() if lasting else (_NOT_LASTING,)))
            return self._in_full_if_need_be(lambda: self._written(texts, values, first, ahead))
        return self._ended(begun, texts, values, lock, ahead)

    def _written(
        self,
        texts: Sequence[str],
        values: Mapping[str, Any],
        first: Sequence[Step],
        ahead: Ahead,
    ) -> Written:
        connection = self._connections.quiet()
        with self._connections.kept(connection):
            # The limits hold for what takes a lock, and that comes before what it is taken for.
            set_up = self._planned.steps(connection, [self._set_to_write], {})
            steps = self._planned.steps(connection, texts, values)
            message = (words("BEGIN"), *set_up, *first, *steps, words("COMMIT"))
            talk = Talk(connection)
            found = talk.end(message, *self._asking(connection, ahead))
            # Only what was begun has a connection set apart for it, which may be kept for longer.
            heard = [talk.hear() for _ in ahead.parts]
            self._name_the_rest(connection)
        return Written([row for [row] in found[1:]], partial(next, iter(heard), None))

    def _ended(
        self,
        begun: Begun,
        texts: Sequence[str],
        values: Mapping[str, Any],
        lock: str,
        ahead: Ahead,
    ) -> Written:
        together = ([*begun.texts, *texts], {**begun.values, **values}, _taking(lock), ahead)
        connection = begun.connection
        if is_cut(connection):
            # The server waited for too long. COMMIT was never said, so nothing of it is written.
            self._part_with(connection, sound=False)
            return self._written(*together)
        try:
            steps = self._planned.steps(connection, texts, values, amid=True)
            message = (*_taking(lock), *steps, words("COMMIT"))
            found = begun.talk.end(message, *self._asking(connection, ahead))
            rows = [row for [row] in found[1:]]
        except BaseException as error:
            self._part_with(connection, sound=False)
            if not isinstance(error, library_errors()) or not self._planned.give_up(error):
                raise
            return self._written(*together)
        if not ahead.parts:
            self._name_the_rest(connection)
            self._part_with(connection)
        return Written(rows, partial(self._heard, begun, [None] * len(ahead.parts)))

    def _heard(self, begun: Begun, unheard: list[None]) -> list[list[Row]] | None:
        """The rows of the next part; with the last one, or where one fails, the talk has ended."""
        if not unheard:
            return None
        unheard.pop()
        try:
            rows = begun.talk.hear()
        except BaseException:
            unheard.clear()
            self._part_with(begun.connection, sound=False)
            raise
        if rows is None or not unheard:
            unheard.clear()
            begun.talk.hear_out()
            # Nothing is named here: an answer of the cloud waits, and to name may wait for a lock.
            self._part_with(begun.connection, sound=rows is not None)
        return rows

    def _part_with(self, connection: Connection, *, sound: bool = True) -> None:
        """Put back a connection that was set apart for what was begun."""
        try:
            if sound:
                self._connections.put_back(connection)
            else:
                self._connections.drop(connection)
        finally:
            self._room_to_begin.release()

    def _asking(self, connection: Connection, ahead: Ahead) -> list[list[Step]]:
        """The parts of a message, which is a transaction by itself."""
        # What can't be named keeps nothing from being written.
        steps = partial(self._planned.steps, connection, amid=True)
        parts = [steps(texts, ahead.values) for texts in ahead.parts]
        if parts:
            set_up = steps([self._set_to_look], ahead.values)
            parts[0][:0] = [step._replace(asks=False) for step in set_up]
        return parts

    def _name_the_rest(self, connection: Connection) -> None:
        """Whatever becomes of a name, that must not look like a failure of what is written."""
        with suppress(*library_errors()):
            self._planned.learn(connection)

    def _in_full_if_need_be(self, send: Callable[[], _Said]) -> _Said:
        """A transaction of one message; once more where the server didn't know a name in it."""
        try:
            return send()
        except library_errors() as error:
            if not self._planned.give_up(error):
                raise
        return send()


def _taking(lock: str) -> Sequence[Step]:
    return (words(lock),) if lock else ()


def _set_config(settings: Mapping[str, str]) -> str:
    """The same as `set_local`, in one statement that can have a plan."""
    calls = (f"set_config('{name}', '{value}', true)" for name, value in settings.items())
    return f"SELECT {', '.join(calls)}"
