"""An answer of the pretended cloud, and how its sending ends."""

import json
from collections.abc import Mapping
from dataclasses import field
from enum import Enum

from offpeakd.core.values import value
from offpeakd.emulator.refusals import RefusedError


class Ending(Enum):
    """What becomes of an answer on its way."""

    SENT = "sent"
    CUT = "cut"
    """The head promises the whole length; half of the body goes out, then the connection ends."""
    DROPPED = "dropped"
    """The connection ends in order, without a byte of an answer."""
    RESET = "reset"
    """The connection is reset."""
    SILENT = "silent"
    """Nothing is sent, and the connection stays open until the emulator stops."""


@value
class Reply:
    """One answer.

    Attributes:
        status: HTTP status.
        body: its bytes.
        content_type: of the body.
        headers: further ones.
        ending: what becomes of it.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    ending: Ending = Ending.SENT


def json_reply(
    status: int, document: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> Reply:
    """An answer with a JSON body."""
    return Reply(status, json.dumps(document).encode(), headers=headers or {})


def refusal_reply(
    error: RefusedError, request_id: str, headers: Mapping[str, str] | None = None
) -> Reply:
    """A refusal in the shape of the layer that refuses."""
    return json_reply(error.status, error.document(request_id), headers)
