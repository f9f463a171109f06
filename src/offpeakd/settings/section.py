"""What all sections share: frozen, closed to unknown keys, silent about inputs."""

from typing import Any, cast

from pydantic import BaseModel, ConfigDict, model_validator


def nothing() -> Any:
    """A section of which nothing is set: every key has its default.

    A map, for the model that holds the section to read as it would read one from a file.
    """
    return {}


def without_empty_keys(value: object) -> object:
    """A map less the keys that have no value: `release:` with nothing below is no setting."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return {
            key: part for key, part in cast("dict[str, object]", value).items() if part is not None
        }
    return value


class Section(BaseModel):
    """A map of settings."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_empty_keys(cls, value: object) -> object:
        return without_empty_keys(value)
