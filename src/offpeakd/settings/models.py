"""Every setting with its kind, limits and default: the validated configuration.

No secret is a field of it; where one is needed, the name of its file is.
"""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from offpeakd.core.durations import format_duration
from offpeakd.settings.addresses import parse_listen
from offpeakd.settings.database_url import normalise_url, refuse_plain
from offpeakd.settings.fields import (
    Duration,
    Endpoint,
    Hidden,
    KeyFile,
    Name,
    Pause,
    Period,
    ProjectId,
    Text,
    Truth,
    Whole,
    Zone,
    at_least,
    between,
    one_of,
)
from offpeakd.settings.section import Section, nothing, without_empty_keys
from offpeakd.settings.windows import FreezeSection, GroupSection, WindowSection
from offpeakd.settings.words import SettingError

# --------------------------------------------------------------------------- targets


class AccessKeySection(Section):
    """An access key, permanent or temporary, in files."""

    type: Literal["access_key"]
    access_key_file: KeyFile = Field(description="File with the access key id.")
    secret_key_file: KeyFile = Field(description="File with the secret access key.")
    security_token_file: KeyFile | None = Field(
        default=None, description="File with the security token of a temporary access key."
    )


class PasswordSection(Section):
    """An IAM user with a password; a token is fetched with it and renewed."""

    type: Literal["password"]
    user: Text = Field(description="IAM user name.")
    domain: Text = Field(description="Account name the user belongs to.")
    password_file: KeyFile = Field(description="File with the password.")


class TokenFileSection(Section):
    """An IAM token that somebody else keeps fresh in a file."""

    type: Literal["token_file"]
    path: KeyFile = Field(description="File with the token.")


class EcsAgencySection(Section):
    """The agency of the cloud server this runs on; its keys come from the metadata service."""

    type: Literal["ecs_agency"]


CredentialsSection = AccessKeySection | PasswordSection | TokenFileSection | EcsAgencySection


class TargetSection(Section):
    """A project in a region, and the key to it."""

    region: Text = Field(description="Region id, such as eu-west-101.")
    project_id: ProjectId = Field(description="Id of the project in that region: 32 hex digits.")
    endpoint: Endpoint | None = Field(
        default=None, description="Address of DDS; default: the region's own."
    )
    iam_endpoint: Endpoint | None = Field(
        default=None, description="Address of IAM; default: the region's own."
    )
    credentials: Annotated[CredentialsSection, Field(discriminator="type")] | None = Field(
        default=None,
        description="Default: HUAWEICLOUD_SDK_AK, _SK and _SECURITY_TOKEN in the environment.",
    )
    requests_per_minute: Annotated[Whole, between(1, 10_000)] = Field(
        default=60, description="Calls to the cloud in any 60 seconds."
    )
    in_flight: Annotated[Whole, between(1, 10_000)] = Field(
        default=30, description="Upgrades the cloud may be running at once in this target."
    )
    ca_file: KeyFile | None = Field(
        default=None,
        description="File with further certificate authorities, for a proxy that opens TLS.",
    )


# --------------------------------------------------------------------------- the rest


class DatabaseSection(Section):
    """Where the queue lives."""

    url: Annotated[Hidden, AfterValidator(normalise_url)] = Field(
        default="sqlite:////var/lib/offpeakd/offpeakd.db",
        description="sqlite:///FILE or postgresql://USER@HOST/NAME, without a password.",
    )
    password_file: KeyFile | None = Field(
        default=None, description="File with the password of the PostgreSQL user."
    )
    allow_plain: Truth = Field(
        default=False, description="Accept an unencrypted connection to another machine."
    )

    @model_validator(mode="after")
    def _is_encrypted(self) -> Self:
        refuse_plain(self.url, allowed=self.allow_plain)
        if self.password_file and self.url.startswith("sqlite"):
            raise SettingError("a SQLite file has no password", "Remove it.", key="password_file")
        return self


class ReleaseSection(Section):
    """How batches are sent."""

    batch_size: Annotated[Whole, between(1, 10, "limit of the DDS call")] = Field(
        default=10, description="Instances in one call, 1 to 10."
    )
    poll: Annotated[Period, Field(description="How often an open window is looked at.")] = (
        timedelta(seconds=5)
    )
    guard: Pause = Field(
        default=timedelta(seconds=10), description="Time before the cutoff in which no call begins."
    )
    min_notice: Pause = Field(
        default=timedelta(minutes=10),
        description="Time that passes before a change of the configuration may open a window.",
    )
    preflight: Period = Field(
        default=timedelta(seconds=60),
        description="Oldest look at an instance that a call may rest on.",
    )


class RetrySection(Section):
    """Refusals that may pass are tried again, later and later; then a person decides."""

    attempts: Annotated[Whole, between(1, 100)] = Field(
        default=5, description="Calls for one request."
    )
    first: Period = Field(default=timedelta(minutes=5), description="Wait after the first refusal.")
    most: Period = Field(default=timedelta(hours=6), description="Longest wait.")

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if self.most < self.first:
            most, first = format_duration(self.most), format_duration(self.first)
            raise SettingError(
                f"most ({most}) is less than first ({first})", "Raise most.", key="most"
            )
        return self


class FollowUpSection(Section):
    """How running jobs are asked after."""

    every: Period = Field(default=timedelta(seconds=30), description="How often.")
    overdue: Period = Field(
        default=timedelta(hours=4), description="When a running job goes on the follow-up list."
    )


class ReconcileSection(Section):
    """How it is found out what became of a call without an answer."""

    fence: Period = Field(
        default=timedelta(minutes=18),
        description="Age at which a signed call can no longer reach the cloud: 15 min and skew.",
    )
    every: Period = Field(default=timedelta(seconds=30), description="How often.")
    looks: Annotated[Whole, between(1, 100)] = Field(
        default=3,
        description="Looks past the fence that must agree before a request is queued again.",
    )


class LeaseSection(Section):
    """Claims of daemons that share a PostgreSQL database."""

    ttl: Annotated[Duration, at_least(timedelta(seconds=1))] = Field(
        default=timedelta(seconds=60), description="How long a silent daemon keeps its claims."
    )


class RetentionSection(Section):
    """How long finished requests are kept."""

    finished: Period = Field(default=timedelta(days=400), description="After their end.")


class HttpSection(Section):
    """The HTTP API and the status page; this version has none."""

    listen: Annotated[Text, AfterValidator(parse_listen)] = Field(
        description="HOST:PORT or unix:/path."
    )
    token_file: KeyFile | None = Field(
        default=None, description="File with the token that callers send."
    )

    @model_validator(mode="after")
    def _is_guarded(self) -> Self:
        parse_listen(self.listen, guarded=self.token_file is not None)
        return self


class LogSection(Section):
    """What is logged, and how it looks."""

    level: Annotated[Text, one_of("debug", "info", "warning", "error")] = Field(
        default="info", description="debug, info, warning or error."
    )
    format: Annotated[Text, one_of("auto", "console", "json")] = Field(
        default="auto", description="auto: console on a terminal, else json lines."
    )


class Settings(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(
        env_prefix="OFFPEAKD_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        title="offpeakd configuration",
    )
    timezone: Zone = Field(description="IANA name of the zone of windows without their own.")
    windows: dict[Name, WindowSection] = Field(
        default={}, description="Windows by name; none at all means that nothing is released."
    )
    freezes: tuple[FreezeSection, ...] = Field(
        default=(), description="Spans in which nothing is released."
    )
    groups: dict[Name, GroupSection] = Field(
        default={}, description="Groups by name; without any, every window is for every request."
    )
    targets: dict[Name, TargetSection] = Field(
        description="Projects to upgrade in, by name.", min_length=1
    )
    database: DatabaseSection = Field(default_factory=nothing)
    release: ReleaseSection = Field(default_factory=nothing)
    retry: RetrySection = Field(default_factory=nothing)
    follow_up: FollowUpSection = Field(default_factory=nothing)
    reconcile: ReconcileSection = Field(default_factory=nothing)
    lease: LeaseSection = Field(default_factory=nothing)
    retention: RetentionSection = Field(default_factory=nothing)
    http: HttpSection | None = Field(
        default=None, description="The HTTP API; checked, but this version has no server."
    )
    log: LogSection = Field(default_factory=nothing)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty_keys(cls, value: object) -> object:
        return without_empty_keys(value)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What the caller gives; never this process's own environment behind its back."""
        return (init_settings,)
