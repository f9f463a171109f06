"""What the cloud's answers stop, and let go on again."""

from datetime import datetime

import structlog

from offpeakd.core import stops
from offpeakd.core.errors import CloudError, CredentialsError
from offpeakd.core.lane import Lane
from offpeakd.core.values import value
from offpeakd.ports import Controls, UpgradeAnswer

_log = structlog.get_logger("release")


@value
class CloudStops:
    """Minds one target.

    Attributes:
        target: its name.
        controls: where stops are kept.
    """

    target: str
    controls: Controls

    def after_error(self, error: CloudError | CredentialsError, lane: Lane, now: datetime) -> None:
        """Stop the target after a look at the cloud that failed.

        Args:
            error: of the look.
            lane: the stops that stood before.
            now: when.
        """
        stop = stops.stop_for_error(self.target, error, now, lane.stops)
        self.controls.put_stop(stop)
        _log.warning("look_failed", target=self.target, kind=stop.kind, error=error.message)

    def after_call(self, answer: UpgradeAnswer, lane: Lane, *, vetoed: bool) -> None:
        """Stop the target where the answer says so; lift what has passed where a call went through.

        Args:
            answer: of the call.
            lane: the stops that stood before.
            vetoed: whether it was the gate that kept the call from being sent.
        """
        now = answer.result.finished_at
        stop = None
        if answer.problem is not None:
            stop = stops.stop_for_problem(
                self.target,
                answer.problem,
                now,
                lane.stops,
                retry_after=answer.retry_after,
                renewable=answer.renewable,
            )
        elif answer.result.outcome == "not_sent" and not vetoed:
            stop = stops.stop_for_unsent(
                self.target, answer.result.message or "", now, lane.stops, answer.retry_after
            )
        if stop is not None:
            self.controls.put_stop(stop)
            _log.warning("target_stopped", target=self.target, kind=stop.kind, reason=stop.reason)
        elif answer.result.outcome == "answered":
            lapsed = frozenset(one.kind for one in lane.stops) & stops.PASSING
            if lapsed:
                self.controls.lift_stop(self.target, lapsed, "offpeakd", "a call went through")
