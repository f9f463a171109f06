"""Lets the threads of one process through one at a time, in the order in which they came."""

import threading
from collections import deque
from datetime import timedelta


class Turnstile:
    """A lock that is fair: whoever waits longest is next.

    Args:
        patience: how long a thread waits for its turn.
    """

    def __init__(self, patience: timedelta) -> None:
        self._patience = patience.total_seconds()
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Lock] = deque()

    def enter(self) -> bool:
        """Wait for a turn, which `leave` ends.

        Returns:
            whether it came; False when patience ran out first.
        """
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        return self._wait_at(turn)

    def leave(self) -> None:
        """Hand the turn to the next."""
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False

    def _wait_at(self, turn: threading.Lock) -> bool:
        try:
            came = turn.acquire(timeout=self._patience)
        except BaseException:
            # Interrupted: nobody shall wait for one who is gone.
            if not self._withdraw(turn):
                self.leave()
            raise
        # It may have been handed over while patience ran out.
        return came or not self._withdraw(turn)

    def _withdraw(self, turn: threading.Lock) -> bool:
        with self._guard:
            if turn not in self._waiting:
                return False
            self._waiting.remove(turn)
            return True
