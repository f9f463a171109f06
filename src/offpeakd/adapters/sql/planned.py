"""Statements that PostgreSQL plans once for a connection, and is asked for by name from then on.

To read and plan a claim costs the server as much as to run it. What `PREPARE` has given a name is
run by that name, with its values beside it (PostgreSQL manual, "PREPARE" and 54.2.3).

Names belong to a session of the server's. A pooler in transaction mode hands each transaction to
any of its sessions, so nothing is named behind one. It shows by its number: the process that a
connection is told of at its start is made up by the pooler (PgBouncer, `finish_client_login`: random
bytes), and isn't the process that answers.
"""

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple, cast

from offpeakd.adapters.sql.connection import Connection
from offpeakd.adapters.sql.faults import library_errors
from offpeakd.adapters.sql.messages import Numbered, Step, numbered, set_local, words

OFTEN: Final = 5
"""A connection that sends a statement as often as this sends it again; a command's does not."""

FRESH: Final = 200
"""Statements by name after which a connection has its plans made anew.

A plan that is kept doesn't see that the queue has grown since; the server itself makes it anew when
it has counted the rows, which may be a minute later, or never.
"""

_MOST: Final = 50
"""Names of one connection: each keeps some hundred kilobytes of the server's memory."""

_LIMIT: Final = re.compile(r"\bLIMIT %\((\w+)\)s")

_GIVEN_UP: Final = ("26", "42", "0A")
"""Classes of what the server says to a name or a plan that it can't go on with (manual, appendix A):
a name that it doesn't know, one that it has already, a result that a migration has changed."""


class Planned:
    """Puts names in the place of statements; safe to share between threads.

    A name stands for one text alone, so that whoever else has given it has meant the same.

    Args:
        limits: that hold while a statement is given its name, which waits for locks of its tables.
    """

    def __init__(self, limits: Mapping[str, str]) -> None:
        self._on = True
        self._limits = set_local(limits)

    def steps(
        self,
        connection: Connection,
        texts: Sequence[str],
        values: Mapping[str, Any],
        *,
        amid: bool = False,
    ) -> list[Step]:
        """The statements of a message, by name where the server has them.

        Args:
            connection: to PostgreSQL, for nobody else at this moment.
            texts: one statement each, which reads or writes rows.
            values: of all, by name. Each gets the type that its place in the statement says.
            amid: whether a message is under way there, so that nothing can be named before `learn`.

        Raises:
            psycopg.Error: the server doesn't take a statement.
        """
        if not self._on:
            return [numbered(text).step(values) for text in texts]
        session = _session_of(connection)
        if session is None:
            session = connection.session = _Session(self._limits)
        steps: list[Step] = []
        for text in texts:
            steps += session.steps(connection, text, values, amid=amid)
        return steps

    def is_direct(self, connection: Connection) -> bool:
        """Whether the server itself is known to be at the other end; found out by `steps`."""
        session = _session_of(connection)
        return session is not None and session.direct is True

    def learn(self, connection: Connection) -> None:
        """Name what could not be named amid a message.

        Raises:
            psycopg.Error: the server doesn't take a statement.
        """
        session = _session_of(connection)
        if self._on and session is not None:
            session.learn(connection)

    def give_up(self, error: Exception) -> bool:
        """Whether a transaction that failed is to be said again, in full: it may be due to a name.

        It has failed as a whole, so nothing of it is written. Nothing is named after that.
        """
        due = str(getattr(error, "sqlstate", None)).startswith(_GIVEN_UP)
        if due:
            self._on = False
        return due


class _Form(NamedTuple):
    name: str
    statement: Numbered


@dataclass(slots=True, eq=False, repr=False)
class _Session:
    """What one connection has sent."""

    limits: str
    uses: Counter[Hashable] = field(default_factory=Counter)
    forms: dict[Hashable, _Form] = field(default_factory=dict)
    executed: int = 0
    direct: bool | None = None
    wanted: dict[tuple[str, tuple[Any, ...]], None] = field(default_factory=dict)

    def steps(
        self, connection: Connection, text: str, values: Mapping[str, Any], *, amid: bool
    ) -> tuple[Step, ...]:
        if self.direct is False:
            return (numbered(text).step(values),)
        limits = tuple(values[name] for name in _limits_of(text))
        if (text, limits) not in self.forms and self._is_used_often(text, limits):
            self.wanted[text, limits] = None
            if not amid:
                self.learn(connection)
        form = self.forms.get((text, limits))
        if form is None:
            return (numbered(text).step(values),)
        self.executed += 1
        step = form.statement.step(values, form.name.encode())
        return (step,) if self.executed % FRESH else (words("DISCARD PLANS"), step)

    def learn(self, connection: Connection) -> None:
        while self.wanted:
            (text, limits), _ = self.wanted.popitem()
            if self._is_direct(connection):
                form = _form_of(text, limits)
                # By itself: what is known of it must not hang on what else is in a message. A name
                # outlives its transaction.
                _say_whole(
                    connection,
                    f"{self.limits}; PREPARE {form.name} AS {form.statement.text}",
                )
                self.forms[text, limits] = form

    def _is_used_often(self, text: str, limits: tuple[Any, ...]) -> bool:
        self.uses[text, limits] += 1
        return self.uses[text, limits] >= OFTEN and len(self.forms) < _MOST

    def _is_direct(self, connection: Connection) -> bool:
        if self.direct is None:
            cursor = connection.cursor()
            cursor.execute("SELECT pg_backend_pid()")
            [(answering,)] = cursor.fetchall()
            self.direct = bool(answering == connection.driver.info.backend_pid)
        return self.direct


def _session_of(connection: Connection) -> _Session | None:
    return cast("_Session | None", connection.session)


def _say_whole(connection: Connection, words: str) -> None:
    """In a transaction, of which nothing is left where it fails."""
    try:
        connection.say(f"BEGIN; {words}; COMMIT")
    except library_errors():
        with suppress(*library_errors()):
            connection.say("ROLLBACK")
        raise


@lru_cache
def _limits_of(text: str) -> tuple[str, ...]:
    return tuple(_LIMIT.findall(text))


@lru_cache
def _form_of(text: str, limits: tuple[Any, ...]) -> _Form:
    # Of an unknown limit, PostgreSQL believes that it is a tenth of all rows.
    numbers = iter(limits)
    text = _LIMIT.sub(lambda _: f"LIMIT {next(numbers):d}", text)
    name = f"offpeakd_{sha256(text.encode()).hexdigest()[:32]}"
    return _Form(name, numbered(text))
