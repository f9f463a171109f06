"""Whether this machine's wall clock may decide what is released.

Windows are wall-clock times, so a clock that was set wrongly opens them wrongly. Two facts speak
against it: the cloud's clock, as its answers' `Date` header tells it, and the latest time that
this installation has ever seen.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from offpeakd.core.clock_text import length_text
from offpeakd.core.values import value
from offpeakd.core.verdicts import Code, Kind, Verdict

SKEW: Final = timedelta(seconds=30)
"""A disagreement with the cloud's clock that holds releases."""

SIGNING_FAILS: Final = timedelta(minutes=10)
"""A disagreement worth a warning: the gateway refuses signatures more than 15 minutes off."""

STEP_BACK: Final = timedelta(seconds=5)
"""So far behind the latest time seen a clock may fall without having been set back."""

UNWITNESSED: Final = Verdict(
    Code.CLOCK_SKEW, "waits for the cloud's first answer, to compare this machine's clock with it"
)

_MEND: Final = (
    "set this machine's clock (`timedatectl set-ntp true`, or `chronyc makestep` with chrony)"
)


@value
class ClockFacts:
    """What is known of the wall clock.

    Attributes:
        now: what it says.
        offset: how far it is ahead of the cloud's; None while no answer told.
        high_water: the latest time ever seen.
        undated: the cloud's answers carry no date, so that nothing can be compared.
    """

    now: datetime
    offset: timedelta | None
    high_water: datetime
    undated: bool = False


def distrust(facts: ClockFacts) -> Verdict | None:
    """Why nothing may be released by this clock; None when it may be trusted.

    An answer of the cloud that agrees within half a minute outweighs the latest time seen: that
    one may have been seen while the clock was wrong.
    """
    if facts.offset is not None:
        return _disagreement(facts.now, facts.offset)
    if facts.now < facts.high_water - STEP_BACK:
        return _set_back(facts)
    return None if facts.undated else UNWITNESSED


def _disagreement(now: datetime, offset: timedelta) -> Verdict | None:
    if abs(offset) < SKEW:
        return None
    side = "ahead of" if offset > timedelta(0) else "behind"
    sentence = (
        f"this machine's clock says {_utc(now)}, the cloud's {_utc(now - offset)}: it is "
        f"{length_text(abs(offset))} {side} the cloud's, so no window can be trusted; {_MEND}"
    )
    if abs(offset) > SIGNING_FAILS:
        sentence += "; beyond 15 minutes the cloud refuses every signature"
    return Verdict(Code.CLOCK_SKEW, sentence, Kind.PERSON)


def _set_back(facts: ClockFacts) -> Verdict:
    sentence = (
        f"this machine's clock says {_utc(facts.now)}, but {_utc(facts.high_water)} has been seen "
        "already: it was set back, and a window must not open twice; released once that time has "
        f"passed or the cloud's clock agrees, else {_MEND}"
    )
    return Verdict(Code.CLOCK_SKEW, sentence, Kind.PERSON)


def _utc(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
