"""Where a target's credentials are to be found. References only: no secret is ever held here."""

from pathlib import Path
from typing import Final

from offpeakd.core.values import value

METADATA_ENDPOINT: Final = "http://169.254.169.254"


@value
class AccessKeyFiles:
    """A permanent key, or with a security token a temporary one, in files of one line each."""

    access_key_file: Path
    secret_key_file: Path
    security_token_file: Path | None = None


@value
class EnvironmentKeys:
    """A key in the variables of the official SDK: `HUAWEICLOUD_SDK_AK`, `_SK`, `_SECURITY_TOKEN`."""


@value
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


@value
class TokenFile:
    """A token in a file of one line, which something else keeps fresh."""

    path: Path


@value
class EcsAgency:
    """The agency of the server this runs on, by the metadata service."""

    endpoint: str = METADATA_ENDPOINT


Reference = AccessKeyFiles | EnvironmentKeys | PasswordFile | TokenFile | EcsAgency
