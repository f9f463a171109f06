"""Where the database is, and the one secret that is read for it."""

from pathlib import Path
from typing import Final

from offpeakd.core.errors import CredentialsError
from offpeakd.core.values import value
from offpeakd.settings.database_url import with_password

_LONGEST: Final = 4096


@value
class DatabasePlace:
    """Where the database is.

    Attributes:
        url: its address, without a password.
        password_file: where that lies; None where it needs none.
    """

    url: str
    password_file: Path | None

    def address(self) -> str:
        """The address with its password, where a file has one: a secret.

        Raises:
            CredentialsError: the file can't be read, or has no password in it.
        """
        if self.password_file is None:
            return self.url
        return with_password(self.url, _password(self.password_file))


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
