"""The claim as one statement of PostgreSQL.

The claim is what every call waits for. Written as the library would, a statement a row, it costs
PostgreSQL more in messages and triggers than in work. This one looks whether there is room, takes
the rows, and writes batch, attempts and events: all of it, or nothing.

It is the driver's own because the library can neither put it together at the cost of one look into
a dictionary, nor send a list of rows as one value: the rows come as one text of JSON.
"""

from typing import Final, NamedTuple

from offpeakd.adapters.sql.conditions import IS_READY
from offpeakd.adapters.sql.room import POSTGRESQL_ROOM

# Each row is looked up by its id (`OFFSET 0` keeps it so) before anything else is asked of it. Left to itself, and without
# statistics of a queue that was filled just now, PostgreSQL reads the whole queue of the target.
# The rows are locked in the order in which they are given, so that two writers never wait for each
# other, and conditions are looked at when they are locked. A row that was claimed since it was read has
# another attempt, and isn't locked: its daemon may be in the midst of writing what came of the call.
CLAIM: Final = f"""
WITH {POSTGRESQL_ROOM},
may AS (
  SELECT number FROM room WHERE holds_lease AND (%(per_minute)s::bigint IS NULL OR (
    in_flight + %(size)s <= %(in_flight)s AND (wait IS NULL OR wait <= 0 OR wait > 60)))
), member AS (
  SELECT * FROM json_to_recordset(%(members)s::json) AS m (id bigint, instance_id text,
    was_attempt_id text, attempt_id text, whole_version text)
  LIMIT %(size)s
), standing AS (
  SELECT member.* FROM member CROSS JOIN LATERAL (
    SELECT id, target, group_name, state, wait_until, held_reason, attempt_id
    FROM request
    WHERE id = member.id AND request.attempt_id IS NOT DISTINCT FROM member.was_attempt_id
    OFFSET 0 FOR NO KEY UPDATE
  ) AS found
  WHERE (SELECT count(*) FROM may) = 1 AND {IS_READY} AND target = %(target)s
    AND found.group_name = %(group_name)s
), taken AS (
  UPDATE request SET state = 'submitting', attempt_id = standing.attempt_id,
    batch_id = %(id)s, attempts = attempts + 1, changed_at = %(signed_at)s
  FROM standing
  WHERE request.id = standing.id AND (SELECT count(DISTINCT id) FROM standing) = %(size)s
  RETURNING request.id
), whole AS (
  SELECT number FROM may WHERE (SELECT count(*) FROM taken) = %(size)s
), spent AS (
  INSERT INTO call (target, number, at) SELECT %(target)s, number, clock_timestamp()
  FROM whole WHERE %(per_minute)s::bigint IS NOT NULL
), forgotten AS (
  DELETE FROM call WHERE target = %(target)s
    AND number <= (SELECT number FROM whole) - %(per_minute)s::bigint
    AND at < clock_timestamp() - interval '61 seconds'
), called AS (
  INSERT INTO batch (id, target, group_name, size, owner, windows, opening_start, opening_end,
    signed_at, fenced, body_sha256, config_hash, tzdata_version)
  SELECT %(id)s, %(target)s, %(group_name)s, %(size)s, %(owner)s, %(windows)s::jsonb,
    %(opening_start)s::timestamptz, %(opening_end)s::timestamptz, %(signed_at)s::timestamptz,
    %(fenced)s, %(body_sha256)s, %(config_hash)s, %(tzdata_version)s FROM whole
), tried AS (
  INSERT INTO attempt (id, batch_id, request_id, target, instance_id, owner, signed_at, fenced,
    whole_version, epoch)
  SELECT member.attempt_id, %(id)s, member.id, %(target)s, member.instance_id, %(owner)s,
    %(signed_at)s, %(fenced)s, member.whole_version, %(attempt_epoch)s
  FROM member, whole
), told AS (
  INSERT INTO event (request_id, at, kind, actor, state, detail)
  SELECT member.id, %(signed_at)s, 'submitting', 'offpeakd', 'submitting',
    %(detail)s::jsonb || jsonb_build_object('attempt_id', member.attempt_id)
  FROM member, whole
)
SELECT wait, in_flight, holds_lease, (SELECT count(*) FROM whole) = 1 FROM room
"""  # noqa: S608  # our own words
"""Its values are those of the batch's columns, of its room (`room_values`), its `attempt_epoch`, what
the events say (`detail`, JSON text), and `members`: the requests as JSON text in the order of their
ids, each with its id, instance, last attempt, new attempt and the instance's version. Its row is
`Written`.
"""


class Written(NamedTuple):
    """What became of a claim.

    Attributes:
        wait: seconds until the target bears another call; None where one is borne now.
        in_flight: upgrades in flight before it.
        holds_lease: whether the daemon's lease stands.
        whole: whether it was written; if not, nothing was.
    """

    wait: float | None
    in_flight: int
    holds_lease: bool
    whole: bool
