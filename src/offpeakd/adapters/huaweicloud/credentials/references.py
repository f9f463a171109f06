"""Where a target's credentials are to be found. References only: no secret is ever held here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

METADATA_ENDPOINT: Final = "http://169.254.169.254"


@dataclass(frozen=True, slots=True)
class AccessKeyFiles:
    """A permanent key, or with a security token a temporary one, in files of one line each."""

    access_key_file: Path
    secret_key_file: Path
    security_token_file: Path | None = None


@dataclass(frozen=True, slots=True)
class EnvironmentKeys:
    """A key in the variables of the official SDK: `HUAWEICLOUD_SDK_AK`, `_SK`, `_SECURITY_TOKEN`."""


@dataclass(frozen=True, slots=True)
class PasswordFile:
    """A user of IAM, for whom tokens are fetched.

    Attributes:
        user: name of the IAM user.
        domain: name of the account.
        password_file: one line.
        project_id: that the tokens are for.
    """

    user: str
    domain: str
    password_file: Path
    project_id: str


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A token in a file of one line, which something else keeps fresh."""

    path: Path


@dataclass(frozen=True, slots=True)
class EcsAgency:
    """The agency of the server this runs on, by the metadata service."""

    endpoint: str = METADATA_ENDPOINT


Reference = AccessKeyFiles | EnvironmentKeys | PasswordFile | TokenFile | EcsAgency
