"""What a command gets from its surroundings: configuration, store, calendar, clock, actor."""

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offpeakd.core.calendar import Calendar
    from offpeakd.core.policy import Policy
    from offpeakd.ports import Clock, Store
    from offpeakd.service.outlook import Outlook
    from offpeakd.settings.load import Loaded


@dataclass
class Invocation:
    """One run of the command: `ctx.obj` of every subcommand.

    What is dear is made on first use and kept, so a command pays only for what it asks for.

    Attributes:
        environ: environment variables.
        cwd: the folder that relative paths start from.
        config_path: what `--config` named; None when it was not given.
        debug: whether errors show their traceback.
        clock: None means the machine's.
    """

    environ: Mapping[str, str]
    cwd: Path
    config_path: Path | None = None
    debug: bool = False
    clock: "Clock | None" = None
    _settings: "Loaded | None" = field(default=None, init=False, repr=False)
    _store: "Store | None" = field(default=None, init=False, repr=False)
    _calendar: "Calendar | None" = field(default=None, init=False, repr=False)

    @classmethod
    def here(cls) -> "Invocation":
        """The invocation from this process's own surroundings."""
        return cls(environ=os.environ, cwd=Path.cwd())

    def timepiece(self) -> "Clock":
        """The clock that was given, or the machine's."""
        if self.clock is None:
            from offpeakd import app

            self.clock = app.system_clock()
        return self.clock

    def now(self) -> datetime:
        """Wall clock, aware UTC."""
        return self.timepiece().now()

    def settings(self) -> "Loaded":
        """The configuration.

        Raises:
            ConfigurationError: with everything that is wrong in it.
        """
        if self._settings is None:
            from offpeakd import app

            self._settings = app.load_settings(self.config_path, self.environ, self.cwd)
        return self._settings

    def store(self) -> "Store":
        """The database, opened; created where there is none yet.

        Raises:
            DatabaseError: it can't be reached or read, or has another schema.
        """
        if self._store is None:
            from offpeakd import app

            self._store = app.open_store(self.settings(), self.environ)
        return self._store

    def calendar(self) -> "Calendar":
        """Windows and freezes."""
        if self._calendar is None:
            from offpeakd import app

            self._calendar = app.calendar(self.settings())
        return self._calendar

    def policy(self) -> "Policy":
        """Limits and patience."""
        from offpeakd import app

        return app.policy(self.settings())

    def instant(self, text: str, now: datetime) -> datetime:
        """An instant as a person wrote it.

        Raises:
            UsageError: it is none, or could be several.
        """
        from offpeakd.cli.instants import parse_when

        return parse_when(text, now, self.zone())

    def outlook(self) -> "Outlook":
        """Why requests wait, as things stand now.

        Raises:
            DatabaseError: the database can't be read.
        """
        from offpeakd import app
        from offpeakd.service.outlook import outlook

        return outlook(self.store(), app.rules_of(self.settings()), self.now())

    def zone(self) -> str:
        """The zone in which a person reads and writes times."""
        return self.settings().settings.timezone

    def actor(self) -> str:
        """Who asks: the person behind sudo, or the account this process runs as."""
        sudo_user = self.environ.get("SUDO_USER", "")
        if sudo_user:
            return sudo_user
        number = os.getuid()
        try:
            return pwd.getpwuid(number).pw_name
        except KeyError:  # a container may run under a number without a name
            return f"uid {number}"

    def close(self) -> None:
        """Close what was opened."""
        if self._store is not None:
            self._store.close()
            self._store = None
