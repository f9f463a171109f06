"""One open connection to a database."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from offpeakd.adapters.sql.dialects import Dialect
from offpeakd.adapters.sql.faults import library_errors

if TYPE_CHECKING:
    import sqlalchemy as sa


class Cursor(Protocol):
    """What both drivers' cursors can do."""

    @property
    def rowcount(self) -> int:
        """How many rows the last statement wrote."""
        ...

    def execute(self, statement: Any, values: Any = (), /) -> Any:
        """Run a statement."""
        ...

    def executemany(self, statement: Any, rows: Any, /) -> Any:
        """Run a statement for each row of values."""
        ...

    def fetchall(self) -> list[Any]:
        """The rows that the last statement gave."""
        ...


class Connection:
    """A connection, with what is known of it. Only one thread uses it at a time.

    Attributes:
        dialect: of its database.
        driver: the driver's connection, which begins and ends no transaction by itself.
        core: the library's view of it; None until somebody needs one.
        session: what PostgreSQL's session has been told (`planned.py`); None until it was.
    """

    __slots__ = ("_is_closed", "core", "dialect", "driver", "session")

    def __init__(self, dialect: Dialect, driver: Any) -> None:
        self.dialect = dialect
        self.driver = driver
        self.core: sa.Connection | None = None
        self.session: object | None = None
        self._is_closed = False

    def cursor(self) -> Cursor:
        """The driver's own cursor; nothing is left of it once it is out of use."""
        cursor: Cursor = self.driver.cursor()
        return cursor

    def say(self, words: str) -> None:
        """Run statements without values; the words of a transaction, as a rule."""
        if words:
            self.driver.cursor().execute(words)

    @property
    def is_dead(self) -> bool:
        """Whether it is closed, or PostgreSQL's driver has found that nobody is at the other end."""
        return self._is_closed or bool(getattr(self.driver, "closed", False))

    def rest(self) -> None:
        """Let nothing go on that the library believes to have begun."""
        if self.core is not None and self.core.in_transaction():
            self.core.rollback()

    def close(self) -> None:
        """Close it, whatever state it is in."""
        if self._is_closed:
            return
        with suppress(*library_errors()):
            self.driver.close()
        self._is_closed = True
        if self.core is not None:
            self.core.invalidate()
            self.core.close()
