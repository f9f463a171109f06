"""The instant before which a request may not be sent, whatever its windows say. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from offpeakd.core.model import Request
from offpeakd.core.verdicts import Code

CLOCK_AHEAD: Final = timedelta(days=1)
"""How far ahead the clock of who adds a request may be. An earlier call's fence that is over by it
goes along as well: who sends looks again, by a clock that the cloud's has confirmed."""

_UNANSWERED: Final = (
    "an earlier call for the instance was never answered, and may still reach the cloud"
)


class Earliest(NamedTuple):
    """What a request has to wait for.

    Attributes:
        at: until when.
        code: why.
        detail: why, for people; None where the code says it all.
    """

    at: datetime
    code: Code
    detail: str | None = None


def earliest(request: Request, now: datetime) -> Earliest | None:
    """What a request has to wait for yet; of two reasons, the one that lasts longer."""
    reasons: list[Earliest] = []
    if request.not_before is not None:
        reasons.append(Earliest(request.not_before, Code.NOT_BEFORE))
    if request.fenced_until is not None:
        reasons.append(Earliest(request.fenced_until, Code.UNANSWERED_CALL, _UNANSWERED))
    last = max(reasons, key=_at, default=None)
    return last if last is not None and last.at > now else None


def waiting_for_its_time(request: Request, now: datetime) -> Request:
    """A queued request that waits for what it has to wait for, or is ready."""
    found = earliest(request, now)
    return replace(
        request,
        wait_until=None if found is None else found.at,
        wait_reason=None if found is None else found.code.value,
        wait_detail=None if found is None else found.detail,
    )


def _at(one: Earliest) -> datetime:
    return one.at
