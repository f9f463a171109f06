"""What a claim without room means for its target: how long it waits, and why."""

from datetime import datetime, timedelta
from typing import Final

from offpeakd.core.verdicts import Code, Verdict
from offpeakd.ports import Claim, Claimed, Limits

OUTRUN: Final = timedelta(milliseconds=500)
"""How long to leave a target to those who were first: asking again at once would only hinder them."""


def next_look(refused: Claim, now: datetime, poll: timedelta) -> datetime:
    """When to try again after a claim that was not taken.

    Args:
        refused: the answer of the store.
        now: the present instant.
        poll: how often to look where nothing tells when there is room again.
    """
    if refused.standing is Claimed.NOT_AS_READ:
        return now + min(OUTRUN, poll)
    return now + (poll if refused.room_in is None else refused.room_in)


def why_no_room(refused: Claim, limits: Limits | None, now: datetime) -> tuple[Verdict, ...]:
    """Why a claim was not taken; nothing where it was only outrun.

    Args:
        refused: the answer of the store.
        limits: of the target.
        now: the present instant.
    """
    if limits is None:
        return ()
    match refused.standing:
        case Claimed.TARGET_FULL:
            return (
                Verdict(
                    Code.TARGET_LIMIT,
                    f"{limits.in_flight} upgrades at once is as many as this target may bear",
                ),
            )
        case Claimed.CALLS_SPENT:
            until = None if refused.room_in is None else now + refused.room_in
            return (
                Verdict(
                    Code.RATE_LIMITED,
                    f"the {limits.calls_per_minute} calls a minute of this target are used up",
                    until=until,
                ),
            )
        case _:
            return ()
