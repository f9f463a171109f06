"""Where the files lie that the configuration names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from offpeakd.settings.database_place import DatabasePlace
from offpeakd.settings.load import Loaded

CREDENTIALS_DIRECTORY: Final = "CREDENTIALS_DIRECTORY"
"""Where systemd puts what `LoadCredential=` names (systemd.exec, "Credentials")."""


def credential_path(text: str, environ: Mapping[str, str], folder: Path) -> Path:
    """The file that a key such as `secret_key_file` names.

    An absolute name stays. A bare name is a file of `$CREDENTIALS_DIRECTORY` where systemd sets
    it; any other name is relative to the configuration's folder.

    Args:
        text: as configured.
        environ: of the process.
        folder: of the main configuration file.
    """
    given = environ.get(CREDENTIALS_DIRECTORY, "")
    if given and "/" not in text:
        return Path(given) / text
    return folder / text


def database_place(loaded: Loaded, environ: Mapping[str, str]) -> DatabasePlace:
    """Where the database is, and where its password lies."""
    database = loaded.settings.database
    name = database.password_file
    file = None if name is None else credential_path(name, environ, loaded.folder)
    return DatabasePlace(database.url, file)
