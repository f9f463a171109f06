"""What is wrong with the keys and tokens that the configuration names."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from offpeakd.app.configuration import reference_of
from offpeakd.app.served import EVERY_TARGET, Served
from offpeakd.core.errors import CredentialsError, Problem

if TYPE_CHECKING:
    from offpeakd.settings.load import Loaded


def credential_problems(
    loaded: "Loaded", environ: Mapping[str, str], served: Served = EVERY_TARGET
) -> tuple[Problem, ...]:
    """What is wrong with the files that the configuration names for keys and tokens."""
    from offpeakd.adapters.huaweicloud.credentials.opening import check_credentials
    from offpeakd.settings.convert import targets_of

    return tuple(
        problem
        for target in targets_of(loaded.settings)
        if target.name in served
        for problem in check_credentials(reference_of(target, loaded, environ), environ)
    )


def check_credentials(loaded: "Loaded", environ: Mapping[str, str], served: Served) -> None:
    """See that every key and token that is named can be used.

    Raises:
        CredentialsError: with everything that is wrong.
    """
    problems = credential_problems(loaded, environ, served)
    if problems:
        raise CredentialsError("\n".join(str(problem) for problem in problems))
