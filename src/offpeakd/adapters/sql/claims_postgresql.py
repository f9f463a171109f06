"""The claim as one statement of PostgreSQL.

The claim is what every call waits for. Written as the library would, a statement a row, it costs
PostgreSQL more in messages and triggers than in work; this one takes the rows, and writes batch,
attempts and events, in one message. Where not all of the rows still stand as they were read, not
all are taken, and the caller takes everything back.
"""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from offpeakd.adapters.sql.tables import IS_READY
from offpeakd.adapters.sql.transactions import cursor_of

_CLAIM: Final = f"""
WITH member AS (
  SELECT * FROM unnest(
    %(ids)s::bigint[], %(instances)s::text[], %(was)s::text[], %(attempts)s::text[],
    %(versions)s::text[], %(groups)s::text[], %(details)s::jsonb[]
  ) AS m (id, instance_id, was_attempt_id, attempt_id, whole_version, group_name, detail)
), standing AS (
  SELECT request.id FROM request JOIN member ON member.id = request.id
  WHERE {IS_READY} AND target = %(target)s AND request.group_name = member.group_name
    AND request.attempt_id IS NOT DISTINCT FROM member.was_attempt_id
  ORDER BY request.id FOR NO KEY UPDATE OF request
), taken AS (
  UPDATE request SET state = 'submitting', attempt_id = member.attempt_id,
    batch_id = %(id)s, attempts = attempts + 1, changed_at = %(signed_at)s
  FROM member WHERE request.id = member.id AND request.id IN (SELECT id FROM standing)
  RETURNING request.id
), call AS (
  INSERT INTO batch (id, target, group_name, size, owner, windows, opening_start, opening_end,
    signed_at, fenced, body_sha256, config_hash, tzdata_version)
  VALUES (%(id)s, %(target)s, %(group_name)s, %(size)s, %(owner)s, %(windows)s,
    %(opening_start)s, %(opening_end)s, %(signed_at)s, %(fenced)s, %(body_sha256)s,
    %(config_hash)s, %(tzdata_version)s)
), tried AS (
  INSERT INTO attempt (id, batch_id, request_id, target, instance_id, owner, signed_at, fenced,
    whole_version, epoch)
  SELECT member.attempt_id, %(id)s, member.id, %(target)s, member.instance_id, %(owner)s,
    %(signed_at)s, %(fenced)s, member.whole_version, %(epoch)s
  FROM member WHERE member.id IN (SELECT id FROM taken)
), told AS (
  INSERT INTO event (request_id, at, kind, actor, state, detail)
  SELECT member.id, %(signed_at)s, 'submitting', 'offpeakd', 'submitting', member.detail
  FROM member WHERE member.id IN (SELECT id FROM taken) ORDER BY member.id
)
SELECT count(*) FROM taken
"""  # noqa: S608  # our own words


def write_claim(
    connection: sa.Connection, batch: dict[str, Any], members: Sequence[tuple[Any, ...]]
) -> bool:
    """Take the requests of a batch, and write it down.

    Args:
        connection: within a transaction, which the caller takes back where this says so.
        batch: values of the batch's columns, and `epoch`, as the driver takes them.
        members: for each request, in the order of ids: its id, instance, last attempt,
            new attempt, the instance's version, its group, and the event's facts as JSON text.

    Returns:
        whether all of them were taken.
    """
    names = ("ids", "instances", "was", "attempts", "versions", "groups", "details")
    lists = {
        name: list(values) for name, values in zip(names, zip(*members, strict=True), strict=True)
    }
    with cursor_of(connection) as cursor:
        cursor.execute(_CLAIM, {**batch, **lists})
        row = cursor.fetchone()
        return row is not None and row[0] == len(members)
