"""Which jobs of the cloud are known to belong to our requests: asked before they are sent."""

from collections.abc import Mapping, Sequence
from typing import Final

from offpeakd.adapters.sql.conditions import HAS_ENDED, IS_LIVE
from offpeakd.adapters.sql.dialects import Dialect
from offpeakd.adapters.sql.kinds import json_text
from offpeakd.adapters.sql.prepared import Prepared
from offpeakd.adapters.sql.transactions import Database

# All ids are one value: a text for each number of them would take the place of other plans.
_IDS: Final = {
    Dialect.SQLITE: "IN (SELECT value FROM json_each(:ids))",
    Dialect.POSTGRESQL: "= ANY (ARRAY(SELECT jsonb_array_elements_text(CAST(:ids AS jsonb))))",
}


def _questions(ids: str) -> tuple[Prepared, Prepared, Prepared]:
    """Jobs of requests, of their attempts, and those that a person has put behind them."""
    # Live and ended ones each have an index of instances.
    halves = (
        f"SELECT id, instance_id, job_id FROM request WHERE target = :target AND instance_id {ids}"  # noqa: S608  # our own words
        f" AND {half}"
        for half in (IS_LIVE, HAS_ENDED)
    )
    here = f"WITH here AS ({' UNION ALL '.join(halves)})"
    return (
        Prepared(f"{here} SELECT instance_id, job_id FROM here WHERE job_id IS NOT NULL"),  # noqa: S608  # as above
        Prepared(
            f"{here} SELECT here.instance_id, attempt.job_id FROM here"  # noqa: S608  # as above
            " JOIN attempt ON attempt.request_id = here.id WHERE attempt.job_id IS NOT NULL"
        ),
        Prepared(
            f"{here} SELECT here.instance_id, detail FROM here"  # noqa: S608  # as above
            " JOIN event ON event.request_id = here.id WHERE event.kind = 'retried'",
            gives=("instance_id", "detail"),
        ),
    )


_QUESTIONS: Final = {dialect: _questions(ids) for dialect, ids in _IDS.items()}


def known_jobs(
    database: Database, target: str, instance_ids: Sequence[str]
) -> Mapping[str, frozenset[str]]:
    """See `ports.Queue`."""
    if not instance_ids:
        return {}
    values = {"target": target, "ids": json_text(list(instance_ids))}
    requests, attempts, retried = database.ask(
        [(one, values) for one in _QUESTIONS[database.dialect]]
    )
    known: dict[str, frozenset[str]] = {}
    named = [*requests, *attempts, *((of, detail.get("job_id")) for of, detail in retried)]
    for instance_id, job_id in named:
        if job_id:
            known[instance_id] = known.get(instance_id, frozenset()) | {job_id}
    return known
