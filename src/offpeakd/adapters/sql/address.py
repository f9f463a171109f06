"""Where the database is: its address, read once."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from offpeakd.adapters.sql.dialects import Dialect
from offpeakd.core.errors import DatabaseError
from offpeakd.core.values import value

_FIX: Final = (
    "Set database.url to sqlite:////absolute/path/offpeakd.db"
    " or postgresql+psycopg://user@host/database"
)
_POSTGRESQL: Final = frozenset({"postgres", "postgresql", "postgresql+psycopg"})
_SQLITE: Final = frozenset({"sqlite", "sqlite+pysqlite"})


@value
class Address:
    """A database's address.

    Attributes:
        shown: for people: the file's path, or the address without its password.
        file: SQLite's file; None for PostgreSQL.
        parameters: of a connection to PostgreSQL, by libpq's names (manual, 34.1.2); they may hold
            a password.
    """

    shown: str
    file: Path | None
    parameters: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)

    @property
    def dialect(self) -> Dialect:
        """Which kind of database is there."""
        return Dialect.POSTGRESQL if self.file is None else Dialect.SQLITE


def address_of(text: str) -> Address:
    """Read the text of `database.url`.

    Raises:
        DatabaseError: it names no database that this program can use.
    """
    scheme, separator, rest = text.partition("://")
    if scheme in _SQLITE and separator:
        return _of_file(rest)
    if scheme in _POSTGRESQL and separator:
        try:
            return _of_server(urlsplit(text))
        except ValueError:
            pass
    elif separator and scheme.replace("+", "").isalnum():
        raise DatabaseError(f"database.url is of an unknown kind: {scheme}", fix=_FIX)
    # The text is not shown: a misplaced sign may have made a password part of anything.
    raise DatabaseError("database.url isn't the address of a database", fix=_FIX)


def _of_file(rest: str) -> Address:
    file = unquote(rest.partition("?")[0].removeprefix("/"))
    if not file or file == ":memory:" or file.startswith("file:"):
        raise DatabaseError("database.url names no file", fix=_FIX)
    return Address(file, Path(file))


def _of_server(parts: SplitResult) -> Address:
    asked: dict[str, list[str]] = {}
    for name, given in parse_qsl(parts.query, keep_blank_values=True):
        asked.setdefault(name, []).append(given)
    user, _, place = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    database = unquote(parts.path.removeprefix("/"))
    named = {
        "user": unquote(name),
        "password": unquote(password),
        "dbname": database,
        **_hosts(asked.pop("host", [unquote(place)])),
        **{name: given[-1] for name, given in asked.items()},
    }
    shown = f"{name}:***@" if password else f"{name}@" if name else ""
    parameters = {name: given for name, given in named.items() if given}
    return Address(
        f"postgresql+psycopg://{shown}{place}{_shown(parts.query, database)}", None, parameters
    )


def _hosts(named: Sequence[str]) -> dict[str, str]:
    """Several hosts, of which the first that serves is taken; each may name its port."""
    pairs = [_host_and_port(one) for host in named for one in host.split(",")]
    hosts, ports = ([pair[place] for pair in pairs] for place in (0, 1))
    return {"host": ",".join(hosts)} | ({"port": ",".join(ports)} if any(ports) else {})


def _host_and_port(text: str) -> tuple[str, str]:
    """A name, a number of IPv6 with or without brackets, or a folder with a socket."""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.startswith("/") or text.count(":") > 1:
        return text, ""
    else:
        host, _, port = text.partition(":")
    if port and not port.isdecimal():
        raise ValueError
    return host, port


def _shown(query: str, database: str) -> str:
    """What stands behind the host, as people may see it; a password can stand there as well."""
    asked = [
        (name, given)
        for name, given in parse_qsl(query, keep_blank_values=True)
        if "pass" not in name.lower()
    ]
    path = f"/{quote(database)}" if database else ""
    return path + (f"?{urlencode(asked, safe='/')}" if asked else "")
