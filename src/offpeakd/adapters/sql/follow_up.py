"""The view `follow_up`: what a person has to look at."""

from typing import Final

from offpeakd.adapters.sql.conditions import IS_IN_FLIGHT, IS_UNSEEN_FAILURE, NEEDS_A_PERSON

UNKNOWN_MINUTES: Final = 30
"""An outcome unknown for longer than this is for a person to look at."""

RUNNING_MINUTES: Final = 240
"""So is an upgrade that has been running for longer than this."""

VIEW: Final = "follow_up"


def _ago(dialect: str, minutes: int) -> str:
    if dialect == "postgresql":
        return f"now() - interval '{minutes} minutes'"
    return f"strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', '-{minutes} minutes')"


def _part(what: str, since: str, condition: str, number: str = "id") -> str:
    return (
        f"SELECT {number} AS request_id, target, instance_id, group_name, '{what}' AS what,\n"
        f"       {since} AS since, error_code, error_message, job_id, batch_id, attempts,\n"
        "       reason, requested_by, requested_at\n"
        f"FROM request WHERE {condition}"
    )


def definition(dialect: str) -> str:
    """The statement that creates the view.

    Args:
        dialect: `sqlite` or `postgresql`.
    """
    # Each condition names that of an index as it stands there, so that the index is used. What
    # is in flight has no index by number: the sign before it keeps SQLite from going through
    # all requests in the order of their numbers instead.
    parts = (
        _part("failed", "finished_at", f"({NEEDS_A_PERSON}) AND {IS_UNSEEN_FAILURE}"),
        _part("needs_review", "changed_at", f"({NEEDS_A_PERSON}) AND state = 'needs_review'"),
        _part(
            "unknown",
            "unknown_since",
            f"{IS_IN_FLIGHT} AND state = 'unknown'"
            f" AND unknown_since < {_ago(dialect, UNKNOWN_MINUTES)}",
            "+id",
        ),
        _part(
            "running",
            "submitted_at",
            f"{IS_IN_FLIGHT} AND state = 'running'"
            f" AND submitted_at < {_ago(dialect, RUNNING_MINUTES)}",
            "+id",
        ),
    )
    return f"CREATE VIEW {VIEW} AS\n" + "\nUNION ALL\n".join(parts)
