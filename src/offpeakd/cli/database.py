"""`offpeakd db`: brings the database's schema up to date, and looks for damage."""

import click

from offpeakd.cli.context import Invocation
from offpeakd.cli.options import common_options, pass_invocation
from offpeakd.cli.output import say
from offpeakd.core.errors import DatabaseError


@click.group()
@common_options
def db() -> None:
    """Upgrade or check the database."""


@db.command()
@common_options
@pass_invocation
def upgrade(invocation: Invocation) -> None:
    """Bring the schema up to this program's, all of it or nothing.

    A SQLite file is saved beside itself first. Stop the daemon before.
    """
    from offpeakd import app

    done = app.upgrade_database(invocation.settings(), invocation.environ, invocation.now())
    if done.backup is not None:
        say(f"the database as it was is kept in {done.backup}")
    if done.before == done.after:
        click.echo(f"schema {done.after}: up to date already")
    elif done.before is None:
        click.echo(f"schema {done.after}: created")
    else:
        click.echo(f"schema {done.after}: upgraded from {done.before}")


@db.command()
@common_options
@pass_invocation
def current(invocation: Invocation) -> None:
    """Say which schema the database has; changes nothing."""
    from offpeakd import app

    found = app.database_schema(invocation.settings(), invocation.environ)
    words = {
        "EMPTY": "no schema yet: it is created on first use",
        "OLDER": "older than this program's: `offpeakd db upgrade`",
        "CURRENT": "up to date",
        "NEWER": "written by a newer offpeakd",
        "FOREIGN": "another program's tables",
    }[found.standing.name]
    click.echo(words if found.version is None else f"schema {found.version}: {words}")


@db.command()
@common_options
@pass_invocation
def check(invocation: Invocation) -> None:
    """Look for damage, and for a schema that somebody changed; exit code 6 when there is any.

    Reads the whole of a SQLite file.
    """
    from offpeakd import app

    found = app.check_database(invocation.settings(), invocation.environ)
    if found:
        raise DatabaseError(
            "the database is damaged or was changed by hand:\n  " + "\n  ".join(found),
            fix="Stop the daemon, keep a copy of the file, and put a backup in its place.",
        )
    click.echo("ok")
