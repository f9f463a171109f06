"""Ids of the cloud: checked before they reach an address or a signature."""

import re
from typing import Final

from offpeakd.core.grammar import GrammarError

INSTANCE_SUFFIX: Final = "in02"
"""What ids of DDS instances end in; other database services have other numbers."""

_SHOWN: Final = 60
_INSTANCE: Final = re.compile(r"[0-9a-f]{32}in02")
_PROJECT: Final = re.compile(r"[0-9a-f]{32}")
_OTHER_SERVICE: Final = r"[0-9a-f]{32}(in[0-9]{2})"
_PART_OF_INSTANCE: Final = r"[0-9a-f]{32}(no|gr)[0-9]{2}"


class IdentifierError(GrammarError):
    """A text is no id of the kind asked for."""


def is_instance_id(text: str) -> bool:
    """Whether the text is an id of a DDS instance: 32 lower-case hexadecimal digits and `in02`."""
    return _INSTANCE.fullmatch(text) is not None


def parse_instance_id(text: str) -> str:
    """The id of a DDS instance.

    Args:
        text: as a person wrote it, without spaces around it.

    Raises:
        IdentifierError: it is something else; `fix` says what it looks like.
    """
    if is_instance_id(text):
        return text
    what = f"{shown(text)} is not a DDS instance id (32 hexadecimal digits and in02)"
    raise IdentifierError(what, _instance_hint(text))


def is_project_id(text: str) -> bool:
    """Whether the text is an id of a project: 32 lower-case hexadecimal digits."""
    return _PROJECT.fullmatch(text) is not None


def parse_project_id(text: str) -> str:
    """The id of a project.

    Args:
        text: as a person wrote it, without spaces around it.

    Raises:
        IdentifierError: it is something else.
    """
    if is_project_id(text):
        return text
    what = f"{shown(text)} is not a project id (32 hexadecimal digits)"
    if is_project_id(text.lower()):
        raise IdentifierError(what, f"Write it in lower case: {text.lower()}.")
    raise IdentifierError(
        what, "Copy it from the console: My Credentials, API Credentials, the region's row."
    )


def shown(text: str) -> str:
    """A foreign text in quotes, escaped and cut, fit for one line of a message."""
    cut = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return ascii(cut).replace(r"\u2026", "…")


def _instance_hint(text: str) -> str:
    lowered = text.lower()
    if is_instance_id(lowered):
        return f"Write it in lower case: {lowered}."
    if re.fullmatch(_PART_OF_INSTANCE, lowered):
        return "It is the id of a node or a group; give the id of the instance it belongs to."
    other = re.fullmatch(_OTHER_SERVICE, lowered)
    if other:
        return f"Ids ending in {other[1]} belong to another service; give the id of a DDS instance."
    if is_project_id(lowered):
        return "It looks like a project id; give the id of an instance, which ends in in02."
    return "Copy it from the console's list of DDS instances, or from the API."
