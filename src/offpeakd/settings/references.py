"""Where the files lie that the configuration names, and the one secret read here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from offpeakd.core.errors import CredentialsError
from offpeakd.settings.database_url import with_password
from offpeakd.settings.load import Loaded

CREDENTIALS_DIRECTORY: Final = "CREDENTIALS_DIRECTORY"
"""Where systemd puts what `LoadCredential=` names (systemd.exec, "Credentials")."""

_LONGEST: Final = 4096


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


def database_address(loaded: Loaded, environ: Mapping[str, str]) -> str:
    """The database's address with its password, where a file has one: a secret.

    Raises:
        CredentialsError: the file can't be read, or has no password in it.
    """
    database = loaded.settings.database
    if database.password_file is None:
        return database.url
    path = credential_path(database.password_file, environ, loaded.folder)
    return with_password(database.url, _password(path))


def _password(path: Path) -> str:
    where = f"database.password_file: {path}"
    try:
        with path.open("rb") as file:
            password = file.read(_LONGEST).decode().rstrip("\r\n")
    except OSError as error:
        fix = "Write the password into it, readable by the user that runs offpeakd alone."
        raise CredentialsError(f"{where} can't be read: {error.strerror}", fix=fix) from None
    except UnicodeDecodeError:
        fix = "Save the password as plain text."
        raise CredentialsError(f"{where} is not UTF-8", fix=fix) from None
    if not password or "\n" in password:
        fix = "Write one line with the password into it."
        raise CredentialsError(
            f"{where} has {'two lines' if password else 'nothing'} in it", fix=fix
        )
    return password
