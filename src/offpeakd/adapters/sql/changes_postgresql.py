"""Changes as one statement of PostgreSQL, however many they are.

What came of a call is written while the next one waits for it. As the library would write it, a
statement a row, it costs PostgreSQL a message and a round of triggers for each. This one changes
the requests, adds to what is known of their attempts, appends their events and closes the batch:
all of it, or nothing. It is the driver's own because the library has no cheap way of sending a
list of rows as one value: they come as texts of JSON.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from offpeakd.adapters.sql.kinds import instant_text, json_text, kind_of
from offpeakd.core.values import value


@value
class Rows:
    """What changes write.

    Attributes:
        requests: each with `id`, `was_state`, `was_attempt_id` and the columns that it alters.
        attempts: each with its id and what is known; what is not given stays as it was.
        events: as they shall stand, in order.
        batch: the columns of the batch that is closed, as the driver takes them, and its id.
    """

    requests: Sequence[Mapping[str, Any]]
    attempts: Sequence[Mapping[str, Any]] = ()
    events: Sequence[Mapping[str, Any]] = ()
    batch: Mapping[str, Any] | None = None


_FOUND: Final = frozenset({"id", "was_state", "was_attempt_id"})
_TOLD: Final = ("at", "kind", "actor", "state", "detail")


def statement_of(rows: Rows) -> tuple[str, dict[str, Any]]:
    """The statement that writes all, where all requests still stand as they were read.

    Args:
        rows: what to write; of distinct requests.

    Returns:
        its text, with its values, whose names are no claim's: both may go as one message. Its one
        row says whether it was written. If not, nothing was.
    """
    altered = [frozenset(row.keys() - _FOUND) for row in rows.requests]
    always = frozenset[str].intersection(*altered)
    sometimes = frozenset[str].union(*altered) - always
    if not sometimes and _go_together(rows):
        statement, given = _of_one_list(rows, sorted(always))
    else:
        statement, given = _of_three_lists(rows, altered, sorted(always), sorted(sometimes))
    if rows.batch:
        given |= {**rows.batch, "settled": rows.batch["id"]}
        del given["id"]
    return statement, given


def _go_together(rows: Rows) -> bool:
    """Whether each request that changes has an attempt that is settled and an event, in its place."""
    if not len(rows.requests) == len(rows.attempts) == len(rows.events):
        return False
    return all(
        (request["was_attempt_id"], request["id"]) == (attempt["id"], event["request_id"])
        for request, attempt, event in zip(rows.requests, rows.attempts, rows.events, strict=True)
    )


# ------------------------------------------------------------------ alike, as a rule


def _of_one_list(rows: Rows, altered: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """What came of a call, for each of its requests: most of that is the same for all of them."""
    own: dict[str, list[Any]] = {}
    same: dict[str, Any] = {}
    for prefix, names, values in (
        ("new_", altered, rows.requests),
        ("known_", sorted(rows.attempts[0].keys() - {"id"}), rows.attempts),
        ("told_", _TOLD, rows.events),
        ("", ("was_state",), rows.requests),
    ):
        for name in names:
            column = [row[name] for row in values]
            if name != "detail" and column.count(column[0]) == len(column):
                same[prefix + name] = column[0]
            else:
                own[prefix + name] = column
    members = [
        {
            "id": row["id"],
            "was_attempt_id": row["was_attempt_id"],
            **{name: column[place] for name, column in own.items()},
        }
        for place, row in enumerate(rows.requests)
    ]
    statement = _joint_statement(tuple(same), tuple(own), _columns_of(rows.batch))
    return statement, {**same, "changed": len(members), "changes": _json(members)}


@lru_cache(maxsize=256)
def _joint_statement(same: Sequence[str], own: Sequence[str], of_batch: Sequence[str]) -> str:
    values = {name: f"%({name})s::{_column_type(name)}" for name in same}
    values |= {name: f"member.{name}" for name in own}
    news = {
        one.removeprefix("new_"): value for one, value in values.items() if one.startswith("new_")
    }
    known = {
        one.removeprefix("known_"): value
        for one, value in values.items()
        if one.startswith("known_")
    }
    listed = "".join(f", {name} {_column_type(name)}" for name in own)
    parts = [
        f"""member AS (
  SELECT * FROM json_to_recordset(%(changes)s::json) AS m (id bigint, was_attempt_id text{listed})
  LIMIT %(changed)s
), standing AS (
  SELECT member.* FROM member CROSS JOIN LATERAL (
    SELECT state FROM request WHERE id = member.id AND attempt_id = member.was_attempt_id
    OFFSET 0 FOR NO KEY UPDATE
  ) AS found
  WHERE found.state = {values["was_state"]}
), changed AS (
  UPDATE request SET {", ".join(f"{name} = {value}" for name, value in news.items())}
  FROM standing AS member
  WHERE request.id = member.id AND (SELECT count(DISTINCT id) FROM standing) = %(changed)s
  RETURNING request.id
), {_WHOLE}, told AS (
  INSERT INTO event (request_id, {", ".join(_TOLD)})
  SELECT member.id, {", ".join(values[f"told_{name}"] for name in _TOLD)} FROM whole, member
), tried AS (
  UPDATE attempt
  SET {", ".join(f"{name} = coalesce({value}, attempt.{name})" for name, value in known.items())}
  FROM member WHERE attempt.id = was_attempt_id AND EXISTS (SELECT FROM whole)
)""",  # noqa: S608  # names of our own columns
        *_batch(of_batch),
    ]
    return f"WITH {', '.join(parts)} SELECT EXISTS (SELECT FROM whole)"  # noqa: S608  # as above


def _column_type(name: str) -> str:
    """The type of a value whose name says where it goes."""
    return _type_of(name.partition("_")[2])


# ------------------------------------------------------------------ of any kind


def _of_three_lists(
    rows: Rows,
    altered: Sequence[frozenset[str]],
    always: Sequence[str],
    sometimes: Sequence[str],
) -> tuple[str, dict[str, Any]]:
    members = [
        {
            "id": row["id"],
            "was_state": row["was_state"],
            "was_attempt_id": row["was_attempt_id"],
            "alters": sorted(columns.intersection(sometimes)),
            **{f"new_{name}": row[name] for name in columns},
        }
        for row, columns in zip(rows.requests, altered, strict=True)
    ]
    known = sorted(rows.attempts[0].keys() - {"id"}) if rows.attempts else ()
    statement = _statement(tuple(always), tuple(sometimes), tuple(known), _columns_of(rows.batch))
    return statement, {
        "changed": len(members),
        "changes": _json(members),
        "attempts": _json(rows.attempts),
        "events": _json(rows.events),
    }


def _columns_of(batch: Mapping[str, Any] | None) -> tuple[str, ...]:
    return tuple(sorted(batch.keys() - {"id"})) if batch else ()


@lru_cache(maxsize=256)
def _statement(
    always: Sequence[str], sometimes: Sequence[str], known: Sequence[str], of_batch: Sequence[str]
) -> str:
    parts = [_requests(always, sometimes), _EVENTS]
    if known:
        parts.append(_attempts(known))
    parts.extend(_batch(of_batch))
    return f"WITH {', '.join(parts)} SELECT EXISTS (SELECT FROM whole)"  # noqa: S608  # names of our own columns


_WHOLE: Final = """whole AS (
  SELECT 1 WHERE (SELECT count(*) FROM changed) = %(changed)s
)"""


# As in a claim, each request is looked up by its id before anything else is asked of it, all are
# locked in the order in which they are given, and none that has another attempt is.
def _requests(always: Sequence[str], sometimes: Sequence[str]) -> str:
    news = [f"{name} = standing.new_{name}" for name in always]
    news += [
        f"{name} = CASE WHEN standing.alters ? '{name}' THEN standing.new_{name}"
        f" ELSE request.{name} END"
        for name in sometimes
    ]
    members = [f"new_{name} {_type_of(name)}" for name in (*always, *sometimes)]
    return f"""member AS (
  SELECT * FROM json_to_recordset(%(changes)s::json) AS m (id bigint, was_state text,
    was_attempt_id text, alters jsonb, {", ".join(members)})
  LIMIT %(changed)s
), standing AS (
  SELECT member.* FROM member CROSS JOIN LATERAL (
    SELECT state FROM request
    WHERE id = member.id AND attempt_id IS NOT DISTINCT FROM member.was_attempt_id
    OFFSET 0 FOR NO KEY UPDATE
  ) AS found
  WHERE found.state = was_state
), changed AS (
  UPDATE request SET {", ".join(news)} FROM standing
  WHERE request.id = standing.id AND (SELECT count(DISTINCT id) FROM standing) = %(changed)s
  RETURNING request.id
), {_WHOLE}"""  # noqa: S608  # as above


_EVENTS: Final = """told AS (
  INSERT INTO event (request_id, at, kind, actor, state, detail)
  SELECT told.* FROM whole, json_to_recordset(%(events)s::json) AS told (request_id bigint,
    at timestamptz, kind text, actor text, state text, detail jsonb)
)"""


def _attempts(known: Sequence[str]) -> str:
    adds = ", ".join(f"{name} = coalesce(found.{name}, attempt.{name})" for name in known)
    types = ", ".join(f"{name} {_type_of(name)}" for name in known)
    return f"""tried AS (
  UPDATE attempt SET {adds} FROM (
    SELECT * FROM json_to_recordset(%(attempts)s::json) AS a (id text, {types}) LIMIT %(changed)s
  ) AS found
  WHERE attempt.id = found.id AND EXISTS (SELECT FROM whole)
)"""  # noqa: S608  # as above


def _batch(columns: Sequence[str]) -> list[str]:
    if not columns:
        return []
    sets = ", ".join(f"{name} = %({name})s" for name in columns)
    return [
        f"called AS (UPDATE batch SET {sets} WHERE id = %(settled)s AND EXISTS (SELECT FROM whole))"  # noqa: S608  # as above
    ]


def _type_of(column: str) -> str:
    return kind_of(column).value


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return json_text([{name: _plain(value) for name, value in row.items()} for row in rows])


def _plain(value: Any) -> Any:
    return instant_text(value) if isinstance(value, datetime) else value
