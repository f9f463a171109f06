"""One call that arrived, taken apart: what it asks for, of whom, with which parameters."""

import json
import re
from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import Final, cast
from urllib.parse import parse_qsl

from offpeakd.core.values import value
from offpeakd.emulator.refusals import malformed_id, parameter
from offpeakd.emulator.verify import Arrived

MOST_IDS: Final = 10
_INSTANCE_ID: Final = re.compile(r"[0-9a-f]{32}in02")


@value
class Call:
    """One call.

    Attributes:
        kind: such as `upgrade` or `instances`; faults name it so.
        arrived: as it came over the wire.
        at: when its request line arrived.
        number: counted over all calls of this emulator.
        request_id: for the answer's `X-Request-Id`.
        path: parameters in the path.
        query: parameters after the `?`; of a repeated one, the last.
        instance_ids: the instances it is about, as far as its path, query or body name them.
    """

    kind: str
    arrived: Arrived
    at: datetime
    number: int
    request_id: str
    path: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    instance_ids: tuple[str, ...] = ()

    @property
    def project_id(self) -> str | None:
        """The project of its path; None for calls to IAM."""
        return self.path.get("project_id")

    @property
    def is_upgrade(self) -> bool:
        """Whether it can start upgrades."""
        return self.kind in {"upgrade", "upgrade-one"}

    def about(self, instance_ids: tuple[str, ...]) -> "Call":
        """The call with the instances it is about."""
        return replace(self, instance_ids=instance_ids)

    def document(self) -> Mapping[str, object]:
        """The JSON object in its body; an empty body is an empty object.

        Raises:
            RefusedError: 400, for anything else.
        """
        if not self.arrived.body:
            return {}
        try:
            document: object = json.loads(self.arrived.body)
        except ValueError:
            raise parameter("The request body is not valid JSON.") from None
        if not isinstance(document, dict):
            raise parameter("The request body must be a JSON object.")
        return cast("Mapping[str, object]", document)

    def number_of(self, name: str, default: int, least: int, most: int | None = None) -> int:
        """A number of the query.

        Raises:
            RefusedError: 400, when it is no number or out of bounds.
        """
        text = self.query.get(name)
        if text is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise parameter(f"Parameter {name} must be a whole number.")
        number = int(text)
        if number < least or (most is not None and number > most):
            raise parameter(f"Parameter {name} is out of bounds.")
        return number

    def moment_of(self, name: str) -> datetime:
        """An instant of the query, `yyyy-mm-ddThh:mm:ss` with an offset such as `+0000`.

        Raises:
            RefusedError: 400, when it is missing or malformed.
        """
        text = self.query.get(name)
        if text is None:
            raise parameter(f"Parameter {name} is mandatory.")
        try:
            return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
        except ValueError:
            raise parameter(f"Parameter {name} must be yyyy-mm-ddThh:mm:ssZ.") from None


def query_of(arrived: Arrived) -> dict[str, str]:
    """The query's parameters, decoded."""
    return dict(parse_qsl(arrived.query, keep_blank_values=True))


def ids_of_batch(document: Mapping[str, object]) -> tuple[str, ...]:
    """The instances of a batch call.

    Raises:
        RefusedError: 400 for none, more than ten, a repeated one, or anything but ids.
    """
    given = document.get("instance_ids")
    if not isinstance(given, list) or not given:
        raise parameter("Parameter instance_ids must be a list of 1 to 10 instance IDs.")
    items = cast("list[object]", given)
    if len(items) > MOST_IDS:
        raise parameter("A maximum of 10 instance IDs can be transferred at a time.")
    ids = tuple(checked_id(item) for item in items)
    if len(set(ids)) < len(ids):
        raise parameter("Parameter instance_ids has an instance ID twice.")
    return ids


def checked_id(given: object) -> str:
    """An instance id.

    Raises:
        RefusedError: 400, for anything else.
    """
    if not isinstance(given, str) or not _INSTANCE_ID.fullmatch(given):
        raise malformed_id(str(given))
    return given
