"""From an answer that is no success to the error a person reads."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from offpeakd.adapters.huaweicloud.answers import Answer, named_error, request_id, retry_after
from offpeakd.adapters.huaweicloud.error_codes import kind_of
from offpeakd.core.errors import (
    CloudDeniedError,
    CloudError,
    CloudRefusedError,
    CloudThrottledError,
    CloudUnreachableError,
)
from offpeakd.core.outcomes import CloudProblem, ErrorKind
from offpeakd.core.values import value

_SHOWN: Final = 300
_NOTABLE_OFFSET: Final = timedelta(minutes=5)


@value
class Errand:
    """What a call is for.

    Attributes:
        name: for messages, such as `list instances`.
        action: the permission of IAM that it needs.
    """

    name: str
    action: str


LIST_INSTANCES: Final = Errand("list instances", "dds:instance:list")
LIST_JOBS: Final = Errand("list jobs", "dds:task:listAll")
SHOW_JOB: Final = Errand("show a job", "dds:task:getDetail")
ESTIMATE: Final = Errand("estimate an upgrade", "dds:instance:getUpgradeDuration")
UPGRADE: Final = Errand("upgrade instances", "dds:instance:batchUpgradeDatabaseVersion")


def problem_of(answer: Answer) -> CloudProblem:
    """The error that an answer names, classed by the table."""
    code, message = named_error(answer)
    return CloudProblem(code, message, kind_of(code, answer.status), answer.status)


def error_of(
    target: str, errand: Errand, answer: Answer, now: datetime, offset: timedelta | None
) -> CloudError:
    """The error for a read that was not answered with a success.

    Args:
        target: name of the target.
        errand: what the call was for.
        answer: of any status but 200.
        now: our wall clock.
        offset: our wall clock less the cloud's.
    """
    problem = problem_of(answer)
    what = f"target {target}: can't {errand.name}: {_said(answer, problem)}"
    if problem.kind is ErrorKind.THROTTLED:
        return CloudThrottledError(what, retry_after=retry_after(answer, now))
    if problem.kind in {ErrorKind.AUTH, ErrorKind.CONFIGURATION}:
        lacking = problem.kind is ErrorKind.AUTH and problem.status == HTTPStatus.FORBIDDEN
        fix = _fix(problem, errand, offset)
        return CloudDeniedError(what, code=problem.code, fix=fix, permission=lacking)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return CloudUnreachableError(what, fix="The cloud has trouble of its own; try again later.")
    if answer.status >= HTTPStatus.BAD_REQUEST:
        return CloudRefusedError(what, code=problem.code, status=answer.status)
    return CloudError(
        what, fix="Check the target's `endpoint`: something else than the DDS API answers there."
    )


def plain(text: str) -> str:
    """The cloud's text on one line, without control characters, cut."""
    line = "".join(char if char.isprintable() else " " for char in text)
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"


def _said(answer: Answer, problem: CloudProblem) -> str:
    words = [str(answer.status)]
    if not problem.code.startswith("HTTP."):
        words.append(problem.code)
    if problem.message:
        words.append(plain(problem.message))
    known = request_id(answer)
    return " ".join(words) + (f" (request {plain(known)})" if known else "")


def _fix(problem: CloudProblem, errand: Errand, offset: timedelta | None) -> str:
    if problem.kind is ErrorKind.CONFIGURATION:
        return "Check the target's `region`, `endpoint` and `project_id`; they belong together."
    if problem.status != HTTPStatus.UNAUTHORIZED:
        return f"Give the key's user the permission {errand.action} in this project."
    if offset is not None and abs(offset) > _NOTABLE_OFFSET:
        seconds = round(offset.total_seconds())
        side = "ahead of" if seconds > 0 else "behind"
        return f"Set this machine's clock: it is {abs(seconds)} s {side} the cloud's."
    return (
        "Check the key or token and that it belongs to this region; after five wrong signatures "
        "a key stays locked for five minutes."
    )
