"""What is wrong with the keys and tokens that the configuration names."""

from collections.abc import Iterable, Mapping

from offpeakd.app.configuration import TargetCloud
from offpeakd.core.errors import CredentialsError, Problem


def credential_problems(
    clouds: Iterable[TargetCloud], environ: Mapping[str, str]
) -> tuple[Problem, ...]:
    """What is wrong with the files and variables that hold the keys and tokens of some targets."""
    from offpeakd.adapters.huaweicloud.credentials.opening import check_credentials

    return tuple(
        problem for cloud in clouds for problem in check_credentials(cloud.reference, environ)
    )


def check_credentials(clouds: Iterable[TargetCloud], environ: Mapping[str, str]) -> None:
    """See that every key and token that is named can be used.

    Raises:
        CredentialsError: with everything that is wrong.
    """
    problems = credential_problems(clouds, environ)
    if problems:
        raise CredentialsError("\n".join(str(problem) for problem in problems))
