"""From a reference to credentials at work, and what is wrong with one before that."""

import os
from collections.abc import Mapping
from typing import Final, assert_never

from offpeakd.adapters.huaweicloud.address import Address
from offpeakd.adapters.huaweicloud.credentials.agency import MetadataService
from offpeakd.adapters.huaweicloud.credentials.authorizing import (
    Credentials,
    KeyCredentials,
    TokenCredentials,
)
from offpeakd.adapters.huaweicloud.credentials.iam_token import TokenService, password_file
from offpeakd.adapters.huaweicloud.credentials.references import (
    AccessKeyFiles,
    EcsAgency,
    EnvironmentKeys,
    PasswordFile,
    Reference,
    TokenFile,
)
from offpeakd.adapters.huaweicloud.credentials.secret_files import (
    SecretFile,
    SecretFileError,
    read_or_problem,
)
from offpeakd.adapters.huaweicloud.credentials.sources import Files, Fixed, Renewing
from offpeakd.adapters.huaweicloud.signing import AccessKey
from offpeakd.core.errors import CredentialsError, Problem
from offpeakd.ports import Clock

ACCESS_KEY: Final = "HUAWEICLOUD_SDK_AK"
SECRET_KEY: Final = "HUAWEICLOUD_SDK_SK"  # noqa: S105 - the variable's name, not a secret
SECURITY_TOKEN: Final = "HUAWEICLOUD_SDK_SECURITY_TOKEN"  # noqa: S105 - likewise


def open_credentials(
    reference: Reference,
    address: Address,
    clock: Clock,
    environ: Mapping[str, str] | None = None,
) -> Credentials:
    """Credentials at work. Nothing is read or fetched before the first call.

    Args:
        reference: where they are to be found.
        address: of the target they are for.
        clock: dates the signatures.
        environ: the process's own unless given.
    """
    variables = os.environ if environ is None else environ
    match reference:
        case AccessKeyFiles():
            files = _files(reference)
            return KeyCredentials(Files(files, variables, _access_key), clock)
        case EnvironmentKeys():
            return KeyCredentials(Fixed(lambda: _environment_key(variables)), clock)
        case TokenFile():
            files = _files(reference)
            return TokenCredentials(Files(files, variables, lambda texts: texts[0]), clock)
        case PasswordFile():
            iam = TokenService(reference, address, clock, variables)
            return TokenCredentials(Renewing(iam.fetch, clock, iam.close), clock)
        case EcsAgency():
            metadata = MetadataService(reference.endpoint, clock)
            return KeyCredentials(Renewing(metadata.fetch, clock, metadata.close), clock)
        case _:
            assert_never(reference)


def check_credentials(
    reference: Reference, environ: Mapping[str, str] | None = None
) -> list[Problem]:
    """What is wrong with what a reference names, without asking any service.

    Args:
        reference: where the credentials are to be found.
        environ: the process's own unless given.

    Returns:
        One problem for each file or variable, without any secret.
    """
    variables = os.environ if environ is None else environ
    if isinstance(reference, EnvironmentKeys):
        return _variable_problems(variables)
    problems: list[Problem] = []
    for file in _files(reference):
        try:
            read_or_problem(file, variables)
        except SecretFileError as error:
            problems.append(error.problem)
    return problems


def _files(reference: Reference) -> tuple[SecretFile, ...]:
    match reference:
        case AccessKeyFiles(access_key, secret_key, token):
            files = [SecretFile(access_key, "access key"), SecretFile(secret_key, "secret key")]
            return (*files, *([SecretFile(token, "security token")] if token else []))
        case TokenFile(path):
            return (SecretFile(path, "token"),)
        case PasswordFile():
            return (password_file(reference),)
        case EnvironmentKeys() | EcsAgency():
            return ()
        case _:
            assert_never(reference)


def _access_key(texts: tuple[str, ...]) -> AccessKey:
    return AccessKey(*texts)


def _environment_key(environ: Mapping[str, str]) -> AccessKey:
    for problem in _variable_problems(environ):
        raise CredentialsError(f"{problem.file}: {problem.what}", fix=problem.fix)
    return AccessKey(environ[ACCESS_KEY], environ[SECRET_KEY], environ.get(SECURITY_TOKEN) or None)


def _variable_problems(environ: Mapping[str, str]) -> list[Problem]:
    problems: list[Problem] = []
    for name in (ACCESS_KEY, SECRET_KEY, SECURITY_TOKEN):
        value = environ.get(name, "")
        if not value and name != SECURITY_TOKEN:
            what = f"{name} is not set"
        elif not value.isascii() or not value.isprintable() or " " in value:
            what = f"{name} holds characters that it can't have"
        else:
            continue
        fix = "Set it, or name files in the target's `credentials`."
        problems.append(Problem("environment", 0, 0, "", what, fix))
    return problems
