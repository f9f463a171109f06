"""One HTTP answer, and what can be read from any of them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final, TypeAlias

from offpeakd.adapters.huaweicloud.error_codes import normal_code
from offpeakd.core.values import value

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
"""Any part of a JSON document."""

JsonObject: TypeAlias = dict[str, Json]

MESSAGE_LIMIT: Final = 2048
"""Characters of the cloud's text that are kept."""

_CODES: Final = ("error_code", "errorCode", "code")
_MESSAGES: Final = ("error_msg", "error_message", "errorMsg", "message", "title")


@value
class Answer:
    """A whole answer, read to its end.

    Attributes:
        status: HTTP status.
        headers: by lower-case name.
        body: the bytes; secrets of the call are already removed.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def json_object(body: bytes) -> JsonObject | None:
    """The body as a JSON object, of storable texts; None when it is anything else."""
    try:
        value: Json = json.loads(body)
        if b"\\u" in body:
            value = _storable(value)
    except (ValueError, RecursionError):
        return None
    return as_object(value)


def storable_text(text: str) -> str:
    """A text as both databases take it: PostgreSQL refuses NUL, and neither takes half a character.

    JSON can write either: as an escaped zero, or as one half of a surrogate pair that was cut.
    """
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _storable(value: Json) -> Json:
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, list):
        return [_storable(part) for part in value]
    if isinstance(value, dict):
        return {storable_text(name): _storable(part) for name, part in value.items()}
    return value


def as_object(value: Json) -> JsonObject | None:
    """A part of a JSON document as an object; None when it is anything else."""
    return value if isinstance(value, dict) else None


def as_list(value: Json) -> list[Json] | None:
    """A part of a JSON document as a list; None when it is anything else."""
    return value if isinstance(value, list) else None


def named_error(answer: Answer) -> tuple[str, str]:
    """The error's code and message.

    Knows the shapes of DDS, of the gateway (`error_code`), of IAM (`error` with a number) and the
    others that the official SDK knows.

    Returns:
        `HTTP.<status>` where the body names no code or only a number; an empty message where it
        has none.
    """
    document = json_object(answer.body) or {}
    nested = [part for part in map(as_object, document.values()) if part is not None]
    for part in [document, *nested]:
        code = next((part[name] for name in _CODES if name in part), None)
        message = next((part[name] for name in _MESSAGES if name in part), None)
        if code is not None or isinstance(message, str):
            return _code(code, answer.status), str(message or "")[:MESSAGE_LIMIT]
    return f"HTTP.{answer.status}", ""


def request_id(answer: Answer, document: JsonObject | None = None) -> str | None:
    """The id which the cloud's support asks for.

    Args:
        answer: any.
        document: its body, where that was read already.
    """
    stated = answer.headers.get("x-request-id")
    if stated:
        return stated
    in_body = (document or json_object(answer.body) or {}).get("request_id")
    if in_body and isinstance(in_body, str):
        return in_body
    return answer.headers.get("x-iam-trace-id") or None


def cloud_time(answer: Answer) -> datetime | None:
    """The answer's `Date` header; None where it has none that can be read."""
    return _http_date(answer.headers.get("date", ""))


def retry_after(answer: Answer, now: datetime) -> timedelta | None:
    """How long the cloud asks us to stay away; None where it does not say.

    Args:
        answer: any.
        now: our wall clock, used where an instant is stated and the answer has no date.
    """
    text = answer.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 86_400))
    instant = _http_date(text)
    if instant is None:
        return None
    return max(instant - (cloud_time(answer) or now), timedelta(0))


@lru_cache(maxsize=64)  # all answers of a second have the same
def _http_date(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
        return instant.replace(tzinfo=instant.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _code(code: object, status: int) -> str:
    text = str(code or "").strip()[:64]
    return normal_code(text) if text and not text.isdigit() else f"HTTP.{status}"
