"""What the configuration says, as the services take it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from offpeakd.core.calendar import Calendar
from offpeakd.core.policy import Policy
from offpeakd.core.values import value

if TYPE_CHECKING:
    from offpeakd.adapters.huaweicloud.address import Address
    from offpeakd.adapters.huaweicloud.credentials.references import Reference
    from offpeakd.service.rules import Rules
    from offpeakd.settings.convert import TargetSettings
    from offpeakd.settings.load import Loaded


@value
class TargetCloud:
    """A target's cloud.

    Attributes:
        address: where its calls go.
        reference: where its key or token is found.
    """

    address: "Address"
    reference: "Reference"

    @property
    def target(self) -> str:
        """The target's name."""
        return self.address.name


def load_settings(config: Path | None, environ: Mapping[str, str], cwd: Path) -> "Loaded":
    """Read, merge and validate the configuration.

    Raises:
        ConfigurationError: with everything that is wrong in it.
    """
    from offpeakd.settings.load import load

    return load(config, environ, cwd)


def calendar(loaded: "Loaded") -> Calendar:
    """The windows and freezes of the configuration."""
    from offpeakd.settings.convert import calendar_of

    return calendar_of(loaded.settings)


def policy(loaded: "Loaded") -> Policy:
    """The limits and patience of the configuration."""
    from offpeakd.settings.convert import policy_of

    return policy_of(loaded.settings)


def rules_of(loaded: "Loaded") -> "Rules":
    """What decides, as the services see it."""
    from offpeakd.adapters import zone_data
    from offpeakd.service.rules import Rules

    return Rules(
        calendar=calendar(loaded),
        policy=policy(loaded),
        in_flight={name: one.in_flight for name, one in loaded.settings.targets.items()},
        config_hash=loaded.hash,
        tzdata_version=zone_data.version(),
        calls_per_minute={
            name: one.requests_per_minute for name, one in loaded.settings.targets.items()
        },
    )


def clouds_of(loaded: "Loaded", environ: Mapping[str, str]) -> tuple[TargetCloud, ...]:
    """Every target's cloud, in the order of the configuration."""
    from offpeakd.settings.convert import targets_of

    return tuple(
        TargetCloud(_address(target, loaded, environ), _reference(target, loaded, environ))
        for target in targets_of(loaded.settings)
    )


def _address(target: "TargetSettings", loaded: "Loaded", environ: Mapping[str, str]) -> "Address":
    from offpeakd.adapters.huaweicloud.address import Address
    from offpeakd.settings.references import credential_path

    folder = loaded.folder
    ca_file = str(credential_path(target.ca_file, environ, folder)) if target.ca_file else None
    return Address(
        name=target.name,
        region=target.region,
        project_id=target.project_id,
        endpoint=target.endpoint,
        iam_endpoint=target.iam_endpoint,
        requests_per_minute=target.requests_per_minute,
        ca_file=ca_file,
    )


def _reference(
    target: "TargetSettings", loaded: "Loaded", environ: Mapping[str, str]
) -> "Reference":
    from offpeakd.adapters.huaweicloud.credentials import references
    from offpeakd.settings.models import (
        AccessKeySection,
        EcsAgencySection,
        PasswordSection,
        TokenFileSection,
    )
    from offpeakd.settings.references import credential_path

    def at(text: str) -> Path:
        return credential_path(text, environ, loaded.folder)

    match target.credentials:
        case None:
            return references.EnvironmentKeys()
        case AccessKeySection(
            access_key_file=access, secret_key_file=secret, security_token_file=token
        ):
            return references.AccessKeyFiles(at(access), at(secret), at(token) if token else None)
        case PasswordSection(user=user, domain=domain, password_file=password):
            return references.PasswordFile(user, domain, at(password), target.project_id)
        case TokenFileSection(path=path):
            return references.TokenFile(at(path))
        case EcsAgencySection():
            return references.EcsAgency()
