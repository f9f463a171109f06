"""Says on PostgreSQL that a target may have something to do, as soon as that is committed.

Triggers do it, so that it is said whoever writes. A statement is looked at as a whole, and the
server itself drops what a transaction says twice (PostgreSQL manual, NOTIFY): an addition of a
hundred thousand requests is one word for each target.

`NOTIFY` makes commits wait for each other, so that what a claim and its answer write says nothing:
only what there is more to send for does, or more room.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlalchemy as sa

CHANNEL: Final = "offpeakd"
EVERY_TARGET: Final = "*"
"""Said where a stop that held for all targets is lifted."""

TRIGGERS: Final = ("hint_added", "hint_changed", "hint_lifted")

# What waits, and what is being sent, counts as one: to claim, and to give a claim back, is no news.
# The two sides of an update are summed up and not joined: a plan that was made for ten rows would
# join a hundred thousand for hours.
# A queue that nobody empties must not keep anybody from writing, and a word has an end.
FUNCTION: Final = """CREATE FUNCTION offpeakd_hint() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF TG_TABLE_NAME = 'control' THEN
    PERFORM pg_notify('offpeakd', left(scope, 500))
    FROM (SELECT DISTINCT scope FROM olds WHERE kind <> 'high-water') AS lifted
    WHERE pg_notification_queue_usage() < 0.5;
  ELSIF TG_OP = 'INSERT' THEN
    PERFORM pg_notify('offpeakd', left(target, 500))
    FROM (SELECT DISTINCT target FROM news
          WHERE state = 'queued' AND held_reason IS NULL) AS added
    WHERE pg_notification_queue_usage() < 0.5;
  ELSE
    PERFORM pg_notify('offpeakd', left(target, 500))
    FROM (SELECT target
          FROM (SELECT target, state, held_reason, 1 AS step FROM news
                UNION ALL SELECT target, state, held_reason, -1 FROM olds) AS steps
          GROUP BY target
          HAVING sum(step) FILTER (WHERE state = 'submitting'
                                   OR (state = 'queued' AND held_reason IS NULL)) > 0
          OR sum(step) FILTER (WHERE state = 'running') < 0) AS changed
    WHERE pg_notification_queue_usage() < 0.5;
  END IF;
  RETURN NULL;
END $body$"""
_AFTER: Final = (
    "CREATE TRIGGER {} AFTER {} REFERENCING {} FOR EACH STATEMENT EXECUTE FUNCTION offpeakd_hint()"
)
DEFINITIONS: Final = (
    FUNCTION,
    _AFTER.format("hint_added", "INSERT ON request", "NEW TABLE AS news"),
    _AFTER.format("hint_changed", "UPDATE ON request", "OLD TABLE AS olds NEW TABLE AS news"),
    _AFTER.format("hint_lifted", "DELETE ON control", "OLD TABLE AS olds"),
)


def missing_hints(connection: "sa.Connection") -> list[str]:
    """Triggers that somebody has dropped: without them work is found later."""
    if connection.dialect.name == "sqlite":
        return []
    found = set(connection.exec_driver_sql(_FOUND).scalars())
    return [name for name in TRIGGERS if name not in found]


_FOUND: Final = (
    "SELECT tgname FROM pg_trigger WHERE tgrelid IN ('request'::regclass, 'control'::regclass)"
)
