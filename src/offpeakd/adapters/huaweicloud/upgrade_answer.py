"""What one upgrade call's answer proves of each instance. Pure.

A refusal counts only where it is certain: everything that the API does not document leaves the
instance unclear, to be looked up.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Final

from offpeakd.adapters.huaweicloud.answers import (
    Answer,
    Json,
    JsonObject,
    as_list,
    cloud_time,
    json_object,
    named_error,
    request_id,
    retry_after,
    storable_text,
)
from offpeakd.adapters.huaweicloud.error_codes import (
    ENTRY,
    PROVEN_REFUSALS,
    TOKEN_STALE,
    call_kind,
    entry_kind,
    normal_code,
)
from offpeakd.adapters.huaweicloud.refusals import UPGRADE, plain
from offpeakd.core.batch import BatchResult
from offpeakd.core.outcomes import (
    Accepted,
    CloudProblem,
    ErrorKind,
    NotSent,
    Outcome,
    Refused,
    Unclear,
)
from offpeakd.core.values import value
from offpeakd.ports import UpgradeAnswer

KEPT: Final = 16 * 1024
"""Bytes of the raw answer that are stored."""

_MAY_GO_ON: Final = frozenset({408, 499})


@value
class Sent:
    """What is known of the sending.

    Attributes:
        instance_ids: of the call.
        sent_at: when the first byte was written; None when none was.
        finished_at: when the answer, or its absence, was known.
    """

    instance_ids: tuple[str, ...]
    sent_at: datetime | None
    finished_at: datetime


def not_sent(sent: Sent, why: str) -> UpgradeAnswer:
    """Nothing was written."""
    result = BatchResult("not_sent", sent.finished_at, message=why)
    return UpgradeAnswer(result, dict.fromkeys(sent.instance_ids, NotSent(why)))


def unclear(sent: Sent, why: str, answer: Answer | None = None) -> UpgradeAnswer:
    """Something was written, and nothing proves what became of it."""
    result = _result("unclear", sent, answer, message=why)
    outcomes = dict.fromkeys(sent.instance_ids, Unclear(why))
    return UpgradeAnswer(result, outcomes, cloud_time=cloud_time(answer) if answer else None)


def classified(sent: Sent, answer: Answer) -> UpgradeAnswer:
    """What a whole answer proves."""
    if answer.status == HTTPStatus.ACCEPTED:
        return _accepted(sent, answer)
    code, _ = named_error(answer)
    refused = HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    if (refused and answer.status not in _MAY_GO_ON) or (code, answer.status) in PROVEN_REFUSALS:
        return _refused(sent, answer)
    return unclear(sent, f"the cloud answered {answer.status} {code}, which proves nothing", answer)


def _refused(sent: Sent, answer: Answer) -> UpgradeAnswer:
    code, message = named_error(answer)
    kind = call_kind(code, answer.status, len(sent.instance_ids))
    if kind is ErrorKind.AUTH and answer.status == HTTPStatus.FORBIDDEN:
        message = f"{message} (the call needs the permission {UPGRADE.action})".lstrip()
    problem = CloudProblem(code, message, kind, answer.status)
    return UpgradeAnswer(
        _result("refused", sent, answer, code=code, message=message),
        dict.fromkeys(sent.instance_ids, Refused(problem)),
        problem=problem,
        retry_after=retry_after(answer, sent.finished_at),
        cloud_time=cloud_time(answer),
    )


def may_be_stale(answer: UpgradeAnswer) -> bool:
    """Whether a newer token may mend the refusal."""
    problem = answer.problem
    return (
        problem is not None
        and problem.status == HTTPStatus.UNAUTHORIZED
        and problem.code in TOKEN_STALE
    )


def _accepted(sent: Sent, answer: Answer) -> UpgradeAnswer:
    document = json_object(answer.body)
    entries = None if document is None else as_list(document.get("upgrade_results"))
    if not entries:
        lacks = "is no JSON" if document is None else "has no results"
        return unclear(sent, f"the cloud answered 202, but the answer {lacks}", answer)
    said = _by_instance(entries)
    outcomes = {
        instance_id: _agreed(said.get(instance_id, ())) for instance_id in sent.instance_ids
    }
    return UpgradeAnswer(
        _result("answered", sent, answer, document),
        outcomes,
        cloud_time=cloud_time(answer),
        foreign_ids=tuple(name for name in said if name not in outcomes),
    )


def _by_instance(entries: Sequence[Json]) -> Mapping[str, list[Outcome]]:
    said: dict[str, list[Outcome]] = {}
    for entry in entries:
        instance_id = entry.get("instance_id") if isinstance(entry, dict) else None
        if isinstance(entry, dict) and isinstance(instance_id, str):
            said.setdefault(instance_id[:KEPT], []).append(_entry(entry))
    return said


def _agreed(outcomes: Sequence[Outcome]) -> Outcome:
    if not outcomes:
        return Unclear("the answer does not name the instance")
    if any(outcome != outcomes[0] for outcome in outcomes[1:]):
        return Unclear("the answer names the instance twice, with different results")
    return outcomes[0]


def _entry(entry: JsonObject) -> Outcome:
    job_id, code = entry.get("job_id"), entry.get("error_code")
    if job_id and code:
        return Unclear("the answer has both a job and an error for the instance")
    if isinstance(job_id, str) and (named := job_id.strip()):
        return Accepted(named)
    if not isinstance(code, str) or not code.strip():
        return Unclear("the answer has neither a job nor an error for the instance")
    normal = normal_code(code.strip()[:64])
    message = entry.get("error_message") or entry.get("error_msg") or ""
    return Refused(CloudProblem(normal, plain(str(message)), entry_kind(normal), ENTRY))


def _result(
    outcome: str,
    sent: Sent,
    answer: Answer | None,
    document: JsonObject | None = None,
    *,
    code: str | None = None,
    message: str | None = None,
) -> BatchResult:
    return BatchResult(
        outcome,
        sent.finished_at,
        sent_at=sent.sent_at,
        http_status=answer.status if answer else None,
        cloud_request_id=request_id(answer, document) if answer else None,
        error_code=code,
        message=message,
        answer=storable_text(answer.body[:KEPT].decode("utf-8", "ignore")) if answer else None,
    )
