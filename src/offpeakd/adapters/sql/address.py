"""Where the database is: its address, read once."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from offpeakd.adapters.sql.dialects import Dialect
from offpeakd.core.errors import DatabaseError
from offpeakd.core.values import value

_FIX: Final = (
    "Set database.url to sqlite:////absolute/path/offpeakd.db"
    " or postgresql+psycopg://user@host/database"
)
_POSTGRESQL: Final = frozenset({"postgres", "postgresql", "postgresql+psycopg"})
_SQLITE: Final = frozenset({"sqlite", "sqlite+pysqlite"})

# A password ends at the first @ and not before, whatever stands in it: else it could be shown.
_SERVER: Final = re.compile(
    r"(?:(?P<user>[^:/@]*)(?::(?P<password>[^@]*))?@)?(?P<hosts>[^/?]*)"
    r"(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?",
    re.DOTALL,
)


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
    if separator and scheme in _SQLITE:
        return _of_file(rest)
    if separator and scheme in _POSTGRESQL:
        try:
            return _of_server(rest)
        except ValueError:
            pass
    elif separator and re.fullmatch(r"[\w+]+", scheme):
        raise DatabaseError(f"database.url is of an unknown kind: {scheme}", fix=_FIX)
    # The text is not shown: a misplaced sign may have made a password part of anything.
    raise DatabaseError("database.url isn't the address of a database", fix=_FIX)


def _of_file(rest: str) -> Address:
    file = unquote(rest.partition("?")[0].removeprefix("/"))
    if not file or not rest.startswith("/") or file == ":memory:" or file.startswith("file:"):
        raise DatabaseError("database.url names no file", fix=_FIX)
    return Address(file, Path(file))


def _of_server(rest: str) -> Address:
    found = _SERVER.fullmatch(rest)
    if found is None:
        raise ValueError
    user, password, hosts, database, query = (part or "" for part in found.groups())
    asked: dict[str, list[str]] = {}
    for name, given in parse_qsl(query, keep_blank_values=True):
        asked.setdefault(name, []).append(given)
    if "conninfo" in asked:  # the driver's word, which none of the server's parts is
        raise ValueError
    named = {
        "user": unquote(user),
        "password": unquote(password),
        "dbname": unquote(database),
        **_places(hosts, asked.pop("host", []), asked.pop("port", [])),
        **{name: given[-1] for name, given in asked.items()},
    }
    who = f"{user}:***@" if password else f"{user}@" if found["user"] is not None else ""
    shown = f"postgresql+psycopg://{who}{hosts}{_shown(database, query)}"
    return Address(shown, None, {name: given for name, given in named.items() if given})


def _places(hosts: str, named: Sequence[str], ports: Sequence[str]) -> dict[str, str]:
    """Several hosts, of which the first that serves is taken; each may name its port.

    Args:
        hosts: that stand where a host does.
        named: that are named by an option, in their place.
        ports: that are named likewise.
    """
    pairs = [_host_and_port(one) for one in hosts.split(",")]
    if named:
        own = [_host_and_port(one) for several in named for one in several.split(",")]
        pairs = own if any(port for _, port in own) else [(host, pairs[0][1]) for host, _ in own]
    found = ports or ([port for _, port in pairs] if any(port for _, port in pairs) else [])
    return {"host": ",".join(host for host, _ in pairs), "port": ",".join(found)}


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
    return unquote(host), port


def _shown(database: str, query: str) -> str:
    """What stands behind the host, as people may see it; a password can stand there as well."""
    asked = [
        (name, given)
        for name, given in parse_qsl(query, keep_blank_values=True)
        if "pass" not in name.lower()
    ]
    path = f"/{quote(unquote(database))}" if database else ""
    return path + (f"?{urlencode(asked, safe='/')}" if asked else "")
