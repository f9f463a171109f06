"""Forgets finished requests after their time, in small steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from offpeakd.ports import Clock, Controls
from offpeakd.service.rules import Rules

STEP: Final = 200
"""Requests a transaction: a release never waits long for it."""

STEPS: Final = 50
_log = structlog.get_logger("retention")


@dataclass(frozen=True, slots=True)
class Retention:
    """Deletes what is final and older than the configured time; never what needs a person."""

    controls: Controls
    clock: Clock
    rules: Callable[[], Rules]

    def run_once(self) -> int:
        """Forget.

        Returns:
            how many requests.

        Raises:
            DatabaseError: the store can't be written.
        """
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
