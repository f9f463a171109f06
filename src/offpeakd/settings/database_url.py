"""The database's address: which databases, which spelling, no password, no open line.

Nothing of an address is ever shown but its scheme and host: the rest may hold a password.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

from offpeakd.core.endpoints import is_loopback
from offpeakd.core.identifiers import shown
from offpeakd.settings.words import SettingError

_POSTGRESQL: Final = frozenset({"postgres", "postgresql", "postgresql+psycopg"})
_SQLITE: Final = frozenset({"sqlite", "sqlite+pysqlite"})
_PASSWORD: Final = re.compile(r"[^/]*//[^:/@]*:[^@]*@")
_ENCRYPTED: Final = frozenset({"require", "verify-ca", "verify-full"})
_EXAMPLES: Final = (
    "sqlite:////var/lib/offpeakd/offpeakd.db or postgresql://offpeakd@db.example/offpeakd"
)


def normalise_url(url: str) -> str:
    """An address in the spelling that the rest of the program reads.

    Raises:
        SettingError: another database, no file or database name, or a password in it.
    """
    scheme, separator, _ = url.partition("://")
    if not separator or scheme not in _POSTGRESQL | _SQLITE:
        named = f", got {shown(scheme)}" if separator and len(scheme) < len(url) else ""
        raise SettingError(
            f"expected an address of a SQLite or PostgreSQL database{named}",
            f"Write it like {_EXAMPLES}.",
        )
    parts = _split(url)
    if scheme in _SQLITE:
        return _sqlite(parts)
    _refuse_password(url, parts)
    if not parts.path.strip("/"):
        raise SettingError(
            "the address names no database", "Add its name: postgresql://USER@HOST/NAME."
        )
    return f"postgresql+psycopg://{url.partition('://')[2]}"


def refuse_plain(url: str, *, allowed: bool) -> None:
    """Refuse an unencrypted connection to another machine.

    `sslmode=require` encrypts; `verify-full` also proves that the server is the one meant
    (PostgreSQL manual, 34.19 SSL Support).

    Args:
        url: from `normalise_url`.
        allowed: whether the configuration says that the network itself is protected.

    Raises:
        SettingError: it would be unencrypted.
    """
    if allowed or url.startswith("sqlite"):
        return
    parts = _split(url)
    mode = parse_qs(parts.query).get("sslmode", [""])[-1]
    far = [host for host in _hosts(parts) if not _is_near(host)]
    if far and mode not in _ENCRYPTED:
        raise SettingError(
            f"the connection to {shown(far[0])} may be unencrypted",
            "Add ?sslmode=verify-full to the url, or allow_plain: true where the network is safe.",
            key="url",
        )


def unproved_host(url: str) -> str | None:
    """The other machine whose name the connection does not check; None where there is none."""
    if url.startswith("sqlite"):
        return None
    parts = _split(url)
    mode = parse_qs(parts.query).get("sslmode", [""])[-1]
    far = [host for host in _hosts(parts) if not _is_near(host)]
    return far[0] if far and mode in {"require", "verify-ca"} else None


def sqlite_file(url: str) -> Path | None:
    """The file of a SQLite address; None for another database."""
    if not url.startswith("sqlite"):
        return None
    return Path(_split(url).path.removeprefix("/"))


def anchored(url: str, directory: Path) -> str:
    """A SQLite address whose file does not depend on where the command runs.

    Args:
        url: from `normalise_url`.
        directory: what a relative file name is relative to: the configuration's folder.
    """
    file = sqlite_file(url)
    if file is None or file.is_absolute():
        return url
    return f"sqlite:///{quote(str(directory))}/{file}"


def with_password(url: str, password: str) -> str:
    """An address with its password: secret, for the driver alone.

    Args:
        url: from `normalise_url`, of a PostgreSQL database.
        password: as the server knows it.
    """
    parts = _split(url)
    user, _, hosts = parts.netloc.rpartition("@")
    netloc = f"{user}:{quote(password, safe='')}@{hosts}"
    return parts._replace(netloc=netloc).geturl()


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise SettingError("the address can't be read", f"Write it like {_EXAMPLES}.") from None


def _sqlite(parts: SplitResult) -> str:
    file = parts.path.removeprefix("/")
    if parts.netloc:
        raise SettingError(
            "a SQLite address has no host", "Write three slashes and the file: sqlite:////FILE."
        )
    if file in {"", ":memory:"} or "mode=memory" in parts.query:
        raise SettingError(
            "a database in memory would forget every request", f"Write it like {_EXAMPLES}."
        )
    if parts.query or parts.fragment:
        raise SettingError(
            "a SQLite address ends with the file's name",
            "Leave out what stands behind it; in a name, write %3F for ? and %23 for #.",
        )
    return f"sqlite:///{file}"


def _refuse_password(url: str, parts: SplitResult) -> None:
    # Whatever stands in a password, it ends with the @.
    if _PASSWORD.match(url) or "password" in parse_qs(parts.query, keep_blank_values=True):
        raise SettingError(
            "the address contains a password",
            "Put the password in a file and name it in database.password_file.",
        )


def _hosts(parts: SplitResult) -> Sequence[str]:
    """Every host of an address; none for a Unix socket."""
    named = parse_qs(parts.query).get("host")
    hosts = ",".join(named) if named else parts.netloc.rpartition("@")[2]
    return [_without_port(host) for host in hosts.split(",") if host]


def _without_port(host: str) -> str:
    return host if host.startswith("/") or host.endswith("]") else host.rpartition(":")[0] or host


def _is_near(host: str) -> bool:
    return host.startswith(("/", "%2F", "%2f")) or is_loopback(host.lower()) or host == "::1"
