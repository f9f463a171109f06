"""Writes docs/usage/errors.md from the table that the program uses."""

from offpeakd.adapters.huaweicloud.error_codes import (
    DEFAULTS,
    ENTRY,
    OTHER_REFUSAL,
    OTHERWISE,
    TABLE,
    Row,
)
from offpeakd.core.outcomes import ErrorKind

HEAD = """\
# Error codes of the cloud, and what offpeakd does about them

DDS says "busy, come back later" with 403 or 400, so the code decides first and the HTTP status
second. Codes that some gateways write as `APIG.` are read as `APIGW.`. A code that is not in the
table is judged by its status, see the end of the page.

`offpeakd show ID` and `offpeakd failures` show the code and the cloud's own words;
give the request id that `show` prints to the cloud's support.

| kind | what happens |
|---|---|
"""

DEEDS = {
    ErrorKind.RETRY: "The request waits and is tried again inside a window, `retry.attempts` times at the most; then it has failed.",
    ErrorKind.DONE: "The request has succeeded: the instance has the latest version already.",
    ErrorKind.PERMANENT: "The request has failed. `offpeakd retry ID` queues it again once the cause is mended.",
    ErrorKind.PARAMETER: "A lone instance has failed, as with permanent; of a whole batch the instance at fault is looked for, see below.",
    ErrorKind.AUTH: "The target stops releasing; its requests stay queued and lose none of their tries. Mend key, clock or permission; it is tried again by itself every few minutes, and at once after `offpeakd resume`.",
    ErrorKind.CONFIGURATION: "As auth; mend region, endpoint or project id.",
    ErrorKind.THROTTLED: "The target pauses for as long as the cloud asks, at least some seconds.",
    ErrorKind.AMBIGUOUS: "Nobody knows whether the upgrade started: the request is `unknown` and is looked up, never sent again on a guess.",
}

TABLE_HEAD = """
## Codes

| code | HTTP | kind | meaning |
|---|---|---|---|
"""

BATCH = """
## A whole batch refused for one instance

DDS may refuse a whole batch for the fault of one of its instances and does not say which. Where a
`DBS` code may be of that sort (parameter, permanent, retry, done) the batch is halved until the
instance is found; the others lose none of their tries. `permanent` and `done` therefore count as
`parameter` when a batch of several is refused. In the entry of one instance within an answer 202
it is the other way round: `parameter` counts as `permanent`.

## Statuses, where the code is unknown or missing

| HTTP | kind | meaning |
|---|---|---|
"""


def errors_page() -> str:
    """The page, whole."""
    kinds = "".join(f"| {kind} | {deed} |\n" for kind, deed in DEEDS.items())
    codes = "".join(_row(row) for row in TABLE)
    rules = "".join(
        f"| {_statuses(statuses)} | {kind} | {meaning} |\n" for statuses, kind, meaning in DEFAULTS
    )
    rest = f"| | {OTHER_REFUSAL[0]} | {OTHER_REFUSAL[1]} |\n| | {OTHERWISE[0]} | {OTHERWISE[1]} |\n"
    return HEAD + kinds + TABLE_HEAD + codes + BATCH + rules + rest


def _row(row: Row) -> str:
    return f"| {row.code} | {_statuses(row.statuses)} | {row.kind} | {row.meaning} |\n"


def _statuses(statuses: tuple[int, ...]) -> str:
    return ", ".join("202 (one entry)" if status == ENTRY else str(status) for status in statuses)
