"""Pause and resume: a person stops releases and lets them go on."""

from datetime import datetime
from typing import Final

from offpeakd.core.intake import stated
from offpeakd.core.lane import Stop
from offpeakd.core.values import value
from offpeakd.ports import Controls

EVERYTHING: Final = "*"
PAUSE: Final = "pause"


def pause(controls: Controls, scope: str, actor: str, reason: str, now: datetime) -> Stop | None:
    """Stop releases until they are resumed.

    Args:
        controls: where stops are kept.
        scope: a target's name, or `*`.
        actor: who.
        reason: why.
        now: when.

    Returns:
        the pause that stood before and is replaced; None when there was none.

    Raises:
        UsageError: the reason is empty.
    """
    stop = Stop(scope, PAUSE, stated(reason), actor, now)
    before = [one for one in controls.stops() if (one.scope, one.kind) == (scope, PAUSE)]
    controls.put_stop(stop)
    return before[0] if before else None


@value
class Resumed:
    """What resuming did.

    Attributes:
        lifted: stops that are gone.
        left: pauses that still keep some target back.
    """

    lifted: tuple[Stop, ...]
    left: tuple[Stop, ...]


def resume(controls: Controls, scope: str, actor: str, reason: str) -> Resumed:
    """Let releases go on.

    Lifts the pause of that scope, and every stop there that the program set itself; with `*` the
    latter of every target. So no stop can outlast a person's word, whatever clock it was set by.
    A pause of one target is a decision of its own and is lifted by its own name only.

    Args:
        controls: where stops are kept.
        scope: a target's name, or `*`.
        actor: who.
        reason: why.

    Raises:
        UsageError: the reason is empty.
    """
    reason = stated(reason)
    before = controls.stops()
    lifted = tuple(stop for stop in before if _is_lifted(stop, scope))
    for place in sorted({stop.scope for stop in lifted}):
        kinds = frozenset(stop.kind for stop in lifted if stop.scope == place)
        controls.lift_stop(place, kinds, actor, reason)
    left = tuple(stop for stop in before if stop.kind == PAUSE and stop not in lifted)
    return Resumed(lifted, left)


def _is_lifted(stop: Stop, scope: str) -> bool:
    if stop.kind == PAUSE:
        return stop.scope == scope
    return scope in {stop.scope, EVERYTHING}
