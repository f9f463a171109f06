"""Which jobs of the cloud are known to belong to our requests: asked before they are sent."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from offpeakd.adapters.sql.prepared import one_of, prepared
from offpeakd.adapters.sql.transactions import Database, Question

_AT_ONCE: Final = 500


def known_jobs(
    database: Database, target: str, instance_ids: Sequence[str]
) -> Mapping[str, frozenset[str]]:
    """See `ports.Queue`."""
    known: dict[str, frozenset[str]] = {}
    for start in range(0, len(instance_ids), _AT_ONCE):
        questions = _questions(target, instance_ids[start : start + _AT_ONCE])
        requests, attempts, retried = database.ask(questions)
        named = [*requests, *attempts, *((of, detail.get("job_id")) for of, detail in retried)]
        for instance_id, job_id in named:
            if job_id:
                known[instance_id] = known.get(instance_id, frozenset()) | {job_id}
    return known


def _questions(target: str, instance_ids: Sequence[str]) -> list[Question]:
    """Jobs of requests, of their attempts, and those that a person has put behind them."""
    ids = one_of("request.instance_id", instance_ids)
    here = f"FROM request{{}} WHERE request.target = :target AND {ids.text}"
    attempts = here.format(" JOIN attempt ON attempt.request_id = request.id")
    events = here.format(" JOIN event ON event.request_id = request.id")
    asked = (
        (f"job_id {here.format('')} AND job_id IS NOT NULL", ()),
        (f"attempt.job_id {attempts} AND attempt.job_id IS NOT NULL", ()),
        (f"detail {events} AND event.kind = 'retried'", ("instance_id", "detail")),
    )
    values: dict[str, Any] = {"target": target, **ids.values}
    return [
        (prepared(f"SELECT request.instance_id, {what}", gives), values)  # our own words
        for what, gives in asked
    ]
