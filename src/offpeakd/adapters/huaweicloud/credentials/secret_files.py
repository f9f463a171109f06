"""Secrets in files of one line: read at use, never kept in an error."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from offpeakd.core.errors import CredentialsError, Problem
from offpeakd.core.values import value

LONGEST: Final = 64 * 1024
"""Bytes; a token with its catalogue comes to some 20,000."""

_MOUNTS: Final = ("/run/secrets", "/var/run/secrets")
"""Where container platforms mount secrets, with modes of their own choice."""

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@value
class SecretFile:
    """One file.

    Attributes:
        path: of it.
        holds: what, for messages, such as `secret key`.
        phrase: whether it may hold more than letters, digits and signs: a password.
    """

    path: Path
    holds: str
    phrase: bool = False


class SecretFileError(Exception):
    """A file has no usable secret. Stays inside this package."""

    def __init__(self, file: SecretFile, what: str, fix: str) -> None:
        super().__init__(what)
        self.problem = Problem(str(file.path), 0, 0, "", f"{file.holds}: {what}", fix)


Print = tuple[int, int, int, int]
"""Of a file: changes when it is written or replaced."""


def fingerprint(file: SecretFile) -> Print | None:
    """What tells whether a file has changed; None where it can't be looked at."""
    try:
        status = file.path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev


def read_secret(file: SecretFile, environ: Mapping[str, str]) -> str:
    """The secret, without the end of its line.

    Raises:
        CredentialsError: missing, unreadable, open to others, or not one line of text.
    """
    try:
        return read_or_problem(file, environ)
    except SecretFileError as error:
        problem = error.problem
        raise CredentialsError(f"{problem.file}: {problem.what}", fix=problem.fix) from None


def read_or_problem(file: SecretFile, environ: Mapping[str, str]) -> str:
    """As `read_secret`.

    Raises:
        SecretFileError: with the problem.
    """
    content, mode = _content(file)
    if mode & _OTHERS and not _mounted(file.path, environ):
        raise SecretFileError(
            file,
            f"other users may read or change the file (mode {mode & 0o777:04o})",
            f"Run: chmod 600 {file.path}",
        )
    return _line(file, content)


def _content(file: SecretFile) -> tuple[bytes, int]:
    try:
        # Not blocking: a named pipe without a writer must not hold the program.
        descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise SecretFileError(file, "this is no regular file", "Name a file of one line.")
            with os.fdopen(descriptor, "rb", closefd=False) as opened:
                content = opened.read(LONGEST + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        fix = "Create it with mode 600, or correct the path."
        raise SecretFileError(file, "the file does not exist", fix) from None
    except PermissionError:
        fix = f"Let the user that runs offpeakd own it: chown {os.geteuid()} {file.path}"
        raise SecretFileError(file, "the file may not be read", fix) from None
    except OSError as error:
        why = f"the file can't be read ({error.strerror})"
        raise SecretFileError(file, why, "Check the file and its disk.") from None
    return content, mode


def _line(file: SecretFile, content: bytes) -> str:
    if len(content) > LONGEST:
        raise SecretFileError(file, "the file is too long", "Put the secret alone on one line.")
    text = content.removesuffix(b"\n").removesuffix(b"\r")
    if not text.strip():
        raise SecretFileError(file, "the file is empty", "Put the secret on its first line.")
    if b"\n" in text or b"\r" in text:
        raise SecretFileError(
            file, "the file has more than one line", "Put the secret alone on one line."
        )
    try:
        secret = text.decode("utf-8" if file.phrase else "ascii")
    except UnicodeDecodeError:
        secret = ""
    if not secret.isprintable() or not secret or (" " in secret and not file.phrase):
        raise SecretFileError(
            file,
            "the file holds characters that it can't have",
            "Write it again as plain text: no quotes, spaces or byte-order mark.",
        )
    return secret


def _mounted(path: Path, environ: Mapping[str, str]) -> bool:
    """Whether the folder's owner decides who reads: a container platform, or systemd."""
    folders = [*_MOUNTS, environ.get("CREDENTIALS_DIRECTORY", "")]
    place = Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` would follow the mount's links
    return any(folder and place.is_relative_to(folder) for folder in folders)
