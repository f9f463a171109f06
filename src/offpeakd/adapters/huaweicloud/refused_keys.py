"""Spares a key that the cloud refuses: few calls with it are answered 401 in any five minutes.

More than five wrong signatures in a row lock a key for five minutes, for whoever else uses it too
(API Gateway FAQ, "Incorrect IAM authentication information").
"""

import hashlib
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from offpeakd.adapters.huaweicloud.answers import Answer
from offpeakd.adapters.huaweicloud.transport import CallFailedError
from offpeakd.ports import Clock

SPAN: Final = timedelta(minutes=5)
MOST: Final = 3
"""Calls with one key that may be answered 401 within `SPAN`."""

PROVED_FOR: Final = timedelta(seconds=60)
"""A key that was accepted so lately may be in use by any number of calls at once."""

_PATIENCE: Final = timedelta(seconds=30)
_LOOK: Final = timedelta(seconds=1)
_ACCESS: Final = r"\bAccess=([^,\s]+)"


class KeySparedError(Exception):
    """No call is made with the key or token now. Stays inside this package.

    Attributes:
        wait: until a call may be made again.
        refused: whether the cloud has refused it; else calls that could prove it lack an answer.
    """

    def __init__(self, wait: timedelta, *, refused: bool) -> None:
        seconds = max(1, round(wait.total_seconds()))
        why = (
            f"the cloud refused this key or token {MOST} times within five minutes; more would "
            f"lock it, so it is spared for {seconds} s"
            if refused
            else f"{MOST} calls with this key or token have no answer yet, and nothing else "
            "proves it good"
        )
        super().__init__(why)
        self.wait = wait
        self.refused = refused


@dataclass(slots=True, eq=False, repr=False)
class _Record:
    refused: deque[timedelta] = field(default_factory=deque[timedelta])
    in_flight: int = 0
    accepted_at: timedelta | None = None


class RefusedKeys:
    """Counts refusals by key. One serves every target of a process, for they may share a key.

    While nothing proves a key good, the calls in flight count as if they were refused, so that
    several threads can't exceed the limit together; further calls wait for them.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._records: dict[str, _Record] = {}

    def make(self, headers: Mapping[str, str], call: Callable[[], Answer]) -> Answer:
        """Make a call, if its key or token may be used now.

        Args:
            headers: of the call, authorized.
            call: makes it.

        Raises:
            KeySparedError: no call may be made with this key or token now; it was not made.
        """
        key = _key_of(headers)
        self._begin(key)
        status: int | None = None
        try:
            answer = call()
            status = answer.status
        except CallFailedError as failed:
            status = failed.answer.status if failed.answer is not None else None
            raise
        finally:
            self._end(key, status)
        return answer

    def _begin(self, key: str) -> None:
        until = self._clock.boottime() + _PATIENCE
        with self._changed:
            record = self._records.setdefault(key, _Record())
            while not self._has_room(record):
                now = self._clock.boottime()
                if len(record.refused) >= MOST:
                    raise KeySparedError(record.refused[0] + SPAN - now, refused=True)
                if now >= until:
                    raise KeySparedError(_PATIENCE, refused=False)
                self._changed.wait(min(until - now, _LOOK).total_seconds())
            record.in_flight += 1

    def _end(self, key: str, status: int | None) -> None:
        with self._changed:
            record = self._records[key]
            record.in_flight -= 1
            now = self._clock.boottime()
            if status == HTTPStatus.UNAUTHORIZED:
                record.refused.append(now)
                record.accepted_at = None
            elif status is not None:
                record.accepted_at = now
            self._changed.notify_all()

    def _has_room(self, record: _Record) -> bool:
        now = self._clock.boottime()
        while record.refused and now - record.refused[0] >= SPAN:
            record.refused.popleft()
        proved = record.accepted_at is not None and now - record.accepted_at < PROVED_FOR
        if proved and not record.refused:
            return True
        return len(record.refused) + record.in_flight < MOST


def _key_of(headers: Mapping[str, str]) -> str:
    """Names the key or token of a call, without keeping a secret."""
    token = headers.get("X-Auth-Token")
    if token is not None:
        return f"token {hashlib.sha256(token.encode()).hexdigest()}"
    found = re.search(_ACCESS, headers.get("Authorization", ""))
    return f"key {found.group(1) if found else ''}"
