"""Forgets finished requests after their time, in small steps."""

from collections.abc import Callable
from typing import Final

import structlog

from offpeakd.core.values import value
from offpeakd.core.verdicts import Verdict
from offpeakd.ports import Clock, Controls
from offpeakd.service.rules import Rules

STEP: Final = 200
"""Requests a transaction: a release never waits long for it."""

STEPS: Final = 50
_log = structlog.get_logger("retention")


@value
class Retention:
    """Deletes what is final and older than the configured time; never what needs a person.

    Attributes:
        controls: where it is.
        clock: for how old it is.
        rules: the configuration in force.
        doubt: why the clock may not be trusted; None while it may.
    """

    controls: Controls
    clock: Clock
    rules: Callable[[], Rules]
    doubt: Callable[[], Verdict | None]

    def run_once(self) -> int | None:
        """Forget.

        Returns:
            how many requests; None where the clock can't be trusted: a history that a wrong
            one took for old could not be brought back.

        Raises:
            DatabaseError: the store can't be written.
        """
        if self.doubt() is not None:
            return None
        before = self.clock.now() - self.rules().policy.retention
        total = 0
        for _ in range(STEPS):
            gone = self.controls.forget_finished(before, STEP)
            total += gone
            if gone < STEP:
                break
        if total:
            _log.info("forgot_finished", requests=total)
        return total
