"""What `database.url` says is what the driver is given."""

import pytest

from offpeakd.adapters.sql.address import address_of
from offpeakd.core.errors import DatabaseError


@pytest.mark.parametrize(
    ("text", "shown", "parameters"),
    [
        (
            "postgres://h/db",
            "postgresql+psycopg://h/db",
            {"host": "h", "dbname": "db"},
        ),
        (
            "postgresql://ann:p%40w%3Ad@h:5432/db",
            "postgresql+psycopg://ann:***@h:5432/db",
            {"user": "ann", "password": "p@w:d", "host": "h", "port": "5432", "dbname": "db"},
        ),
        (
            "postgresql+psycopg://ann@/db?host=/run/postgresql",
            "postgresql+psycopg://ann@/db?host=/run/postgresql",
            {"user": "ann", "host": "/run/postgresql", "dbname": "db"},
        ),
        (
            "postgresql://ann@%2Frun%2Fpostgresql/db",
            "postgresql+psycopg://ann@%2Frun%2Fpostgresql/db",
            {"user": "ann", "host": "/run/postgresql", "dbname": "db"},
        ),
        (
            "postgresql://ann@[2001:db8::1]:5433/a%20b?sslmode=verify-full&sslpassword=hunter2",
            "postgresql+psycopg://ann@[2001:db8::1]:5433/a%20b?sslmode=verify-full",
            {
                "user": "ann",
                "host": "2001:db8::1",
                "port": "5433",
                "dbname": "a b",
                "sslmode": "verify-full",
                "sslpassword": "hunter2",
            },
        ),
        (
            "postgresql://h/db?host=one:1&host=two:2&target_session_attrs=read-write",
            "postgresql+psycopg://h/db?host=one%3A1&host=two%3A2&target_session_attrs=read-write",
            {
                "host": "one,two",
                "port": "1,2",
                "dbname": "db",
                "target_session_attrs": "read-write",
            },
        ),
        (
            "postgresql://one,two:6432/db",
            "postgresql+psycopg://one,two:6432/db",
            {"host": "one,two", "port": ",6432", "dbname": "db"},
        ),
        (
            "postgresql://h/db?host=::1",
            "postgresql+psycopg://h/db?host=%3A%3A1",
            {"host": "::1", "dbname": "db"},
        ),
        ("postgresql:///db", "postgresql+psycopg:///db", {"dbname": "db"}),
        (
            "postgresql://ann@:5433/db?host=/run/postgresql",
            "postgresql+psycopg://ann@:5433/db?host=/run/postgresql",
            {"user": "ann", "host": "/run/postgresql", "port": "5433", "dbname": "db"},
        ),
        (
            "postgresql://localhost:5433/db?host=one&host=two",
            "postgresql+psycopg://localhost:5433/db?host=one&host=two",
            {"host": "one,two", "port": "5433,5433", "dbname": "db"},
        ),
        (
            "postgresql://one/db?host=one&host=two&port=1&port=2",
            "postgresql+psycopg://one/db?host=one&host=two&port=1&port=2",
            {"host": "one,two", "port": "1,2", "dbname": "db"},
        ),
        (
            "postgresql://%2Frun%2Fpostgresql:5433/db",
            "postgresql+psycopg://%2Frun%2Fpostgresql:5433/db",
            {"host": "/run/postgresql", "port": "5433", "dbname": "db"},
        ),
        (
            "postgresql://ann:12/3?4#5[6]\t@h/a#b",
            "postgresql+psycopg://ann:***@h/a%23b",
            {"user": "ann", "password": "12/3?4#5[6]\t", "host": "h", "dbname": "a#b"},
        ),
    ],
)
def test_a_server_is_named_by_its_parts(text: str, shown: str, parameters: dict[str, str]) -> None:
    address = address_of(text)
    assert (address.shown, dict(address.parameters)) == (shown, parameters)
    assert address.file is None
    assert "hunter2" not in repr(address)


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("sqlite:////var/lib/offpeakd.db", "/var/lib/offpeakd.db"),
        ("sqlite+pysqlite:////a%20b#c.db", "/a b#c.db"),
        ("sqlite:///here.db", "here.db"),
    ],
)
def test_a_file_is_named_by_its_path(text: str, file: str) -> None:
    address = address_of(text)
    assert (str(address.file), address.shown) == (file, file)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://h:x/db",
        "postgresql://h/db?conninfo=host%3Dx",
        "sqlite:///file:x",
        "sqlite://var/lib/offpeakd.db",
        "postgresql:/h",
        "oracle+cx_oracle://h/db",
    ],
)
def test_what_names_no_database_is_refused(text: str) -> None:
    with pytest.raises(DatabaseError, match=r"database\.url"):
        address_of(text)
