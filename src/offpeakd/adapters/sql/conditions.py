"""Conditions on requests and attempts, in the words of the indexes that hold what fulfils them."""

from typing import Final

from offpeakd.core.model import IN_FLIGHT, LIVE, State


def in_states(states: frozenset[State]) -> str:
    """The condition that a request is in one of the states.

    The names stand in the text: a parameter would keep both databases from using partial indexes.
    """
    names = ", ".join(f"'{state.value}'" for state in State if state in states)
    return f"state IN ({names})"


FINAL: Final = frozenset(State) - LIVE
IS_LIVE: Final = "finished_at IS NULL"
"""The same as being in a live state: see `HAS_NO_LIVE_END`, and `Request.moved_to` for the rest.

A database writes the entry of a partial index anew whenever a column of its condition is set. The
state is set with each claim and each answer, the end only once. Live requests are in the order of
random ids here, so that each entry is another page of a long queue.
"""
HAS_ENDED: Final = "finished_at IS NOT NULL"
"""The others. One index of instances for each: PostgreSQL writes a new entry into every index that
holds an updated row, and of an index of all, a claim would change as many pages once more."""
HAS_NO_LIVE_END: Final = f"finished_at IS NULL OR {in_states(frozenset(State) - LIVE)}"
"""What a row must fulfil, or a second live request of its instance could come to be beside it."""
IS_IN_FLIGHT: Final = in_states(IN_FLIGHT)
IS_FINAL: Final = in_states(FINAL)
IS_READY: Final = "state = 'queued' AND wait_until IS NULL AND held_reason IS NULL"
IS_WAITING: Final = "state = 'queued' AND held_reason IS NULL AND wait_until IS NOT NULL"
HAS_FENCE: Final = "fenced_until IS NOT NULL"
HAS_DEADLINE: Final = "state = 'queued' AND deadline IS NOT NULL"
IS_UNSEEN_FAILURE: Final = "state = 'failed' AND acknowledged_by IS NULL"
NEEDS_A_PERSON: Final = f"state = 'needs_review' OR ({IS_UNSEEN_FAILURE})"
IS_OPEN: Final = "outcome IS NULL"

HIGH_WATER: Final = "high-water"
"""The kind under which `control` keeps the highest time ever seen; not a stop."""
