"""One look at one request, with all that its ruling depends on, and how long looks go on. Pure."""

from datetime import datetime, timedelta
from typing import Final

from offpeakd.core.evidence import Doubt, Finding
from offpeakd.core.model import Request
from offpeakd.core.policy import Policy
from offpeakd.core.tally import Tally
from offpeakd.core.values import value

PATIENCE: Final = timedelta(hours=2)
"""How long looks may say nothing before a person has to."""

GAP: Final = timedelta(minutes=2)
"""How much later than due a look may begin and still go on from the one that counted before it.

Looks agree because what they read is not behind for as long as they take. That says nothing of
looks from both sides of an outage: what was read may have been behind before it, and again after.
"""


@value
class Inquiry:
    """One look at one request, with all that its ruling depends on.

    Attributes:
        request: `unknown`, or `running` without a job id.
        doubt: its attempt.
        finding: what the look found.
        at: when the look began, by the cloud's clock: decides fence and counts.
        now: the present instant by our clock: when changes are made.
        tally: what earlier looks said.
        policy: patience and limits.
    """

    request: Request
    doubt: Doubt
    finding: Finding
    at: datetime
    now: datetime
    tally: Tally
    policy: Policy

    @property
    def fence(self) -> datetime:
        """From when on the call can't start anything any more."""
        return self.doubt.signed_at + self.policy.fence

    @property
    def counts(self) -> bool:
        """Whether a look at this instant counts: after the fence, and not too soon again."""
        return self.at >= self.next_count

    @property
    def next_count(self) -> datetime:
        """From when on a look counts."""
        before = self.tally.counted_at
        if before is None:
            return self.fence
        # The ticker may be early by a little, and a pass takes its time.
        return max(self.fence, before + self.policy.reconcile_every * 9 / 10)

    @property
    def goes_on(self) -> bool:
        """Whether a look at this instant goes on from the last that counted, or begins anew."""
        before = self.tally.counted_at
        return before is None or self.at - before <= self.policy.reconcile_every + GAP

    @property
    def patience_ends(self) -> datetime:
        """When looks that say nothing have been made for long enough."""
        return max(self.fence, self._tired_at)

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self.at >= self.fence and self.at > self._tired_at

    @property
    def patient_since(self) -> datetime:
        """From when patience counts."""
        signed_at = self.doubt.signed_at
        # A clock that was behind may have dated what followed the call before it.
        return self.tally.since or max(self.request.unknown_since or signed_at, signed_at)

    @property
    def _tired_at(self) -> datetime:
        """Time without an answer is nobody's looking: an outage uses up no patience."""
        return self.patient_since + PATIENCE + self.tally.silent
