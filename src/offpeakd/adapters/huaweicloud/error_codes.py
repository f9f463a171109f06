"""What each error code of the cloud asks of us. `docs/usage/errors.md` shows the same table.

DDS says "busy, come back later" with 403 or 400, so the code decides before the status. Sources:
the DDS error-code page of Open Telekom Cloud (dds_error_code.html), the API reference's pages of
the calls, the gateway's page api-sign-errorcode, and the public Terraform providers.
"""

from http import HTTPStatus
from itertools import groupby
from typing import Final

from offpeakd.core.outcomes import ErrorKind
from offpeakd.core.values import value

ENTRY: Final = 202
"""The status of an answer whose entries carry codes of their own, one for each instance."""

PERMANENT: Final = ErrorKind.PERMANENT
RETRY: Final = ErrorKind.RETRY
PARAMETER: Final = ErrorKind.PARAMETER
DONE: Final = ErrorKind.DONE
AUTH: Final = ErrorKind.AUTH
CONFIGURATION: Final = ErrorKind.CONFIGURATION
THROTTLED: Final = ErrorKind.THROTTLED
AMBIGUOUS: Final = ErrorKind.AMBIGUOUS


@value
class Row:
    """One code.

    Attributes:
        code: as the cloud writes it; of the gateway's two spellings the one with `APIGW`.
        statuses: HTTP statuses it is documented with; they decide where a code has two rows.
        kind: what it asks of us.
        meaning: for people.
    """

    code: str
    statuses: tuple[int, ...]
    kind: ErrorKind
    meaning: str


TABLE: Final = (
    Row("DBS.00010009", (), RETRY, "the instance's status does not allow it now"),
    Row("DBS.200011", (403, 409), RETRY, "the instance's state does not allow it now"),
    Row("DBS.200018", (403,), RETRY, "the instance or a node is not available"),
    Row("DBS.200019", (403, 409), RETRY, "another operation runs, or the instance is faulty"),
    Row("DBS.200047", (400, 409), RETRY, "the state of the instance or a node does not allow it"),
    Row("DBS.200076", (403,), RETRY, "the instance's state does not allow it"),
    Row("DBS.200434", (400,), RETRY, "a restart failed"),
    Row("DBS.200998", (400,), RETRY, "the system is busy"),
    Row("DBS.201000", (403,), RETRY, "the instance's state does not allow the operation"),
    Row("DBS.201014", (403,), RETRY, "the instance's state does not allow it"),
    Row("DBS.201015", (403,), RETRY, "another operation runs, or the instance is faulty"),
    Row("DBS.201202", (400,), RETRY, "the instance's state does not allow it"),
    Row("DBS.212003", (400,), RETRY, "not permitted now; check the instance's state"),
    Row("DBS.280042", (403,), RETRY, "the request is invalid in the present state"),
    Row("DBS.280005", (500,), AMBIGUOUS, "server error of a whole call"),
    Row("DBS.280005", (ENTRY,), RETRY, "server error of one instance"),
    Row("DBS.280443", (429,), THROTTLED, "too many calls by this tenant"),
    Row("DBS.05000008", (), DONE, "already the latest version"),
    Row("DBS.200002", (404,), PERMANENT, "no such instance"),
    Row("DBS.201028", (403,), PERMANENT, "no such instance, or not yours"),
    Row("DBS.201501", (400,), PERMANENT, "no such instance"),
    Row("DBS.201502", (400,), PERMANENT, "no such instance"),
    Row("DBS.280016", (400,), PERMANENT, "no such resource"),
    Row("DBS.280110", (400,), PERMANENT, "no such instance"),
    Row("DBS.200604", (403,), PERMANENT, "the instance belongs to somebody else"),
    Row("DBS.280404", (400,), PERMANENT, "the instance id is malformed"),
    Row("DBS.200004", (400,), PERMANENT, "the operation is not legal"),
    Row("DBS.280343", (400, 403), PERMANENT, "not supported for this engine or instance"),
    Row("DBS.200041", (400,), PERMANENT, "wrong version"),
    Row("DBS.280236", (400,), PERMANENT, "wrong version"),
    Row("DBS.200042", (400, 404), PERMANENT, "wrong engine"),
    Row("DBS.201020", (400, 404), PERMANENT, "wrong engine"),
    Row("DBS.280122", (400, 404), PERMANENT, "wrong engine"),
    Row("DBS.280235", (400, 404), PERMANENT, "wrong engine"),
    Row("DBS.280347", (400, 404), PERMANENT, "wrong engine"),
    Row("DBS.280342", (400,), PERMANENT, "wrong instance mode"),
    Row("DBS.200001", (400,), PARAMETER, "wrong parameter"),
    Row("DBS.200095", (400,), PARAMETER, "wrong parameter"),
    Row("DBS.201006", (400,), PARAMETER, "wrong parameter"),
    Row("DBS.280001", (400,), PARAMETER, "wrong parameter"),
    Row("DBS.290000", (400,), PARAMETER, "wrong parameter"),
    Row("DBS.200010", (400, 403), AUTH, "tenant and instance do not match"),
    Row("DBS.280015", (400,), AUTH, "the token has expired, or the instance is another tenant's"),
    Row("DBS.280019", (403,), AUTH, "the account is suspended; check its balance"),
    Row("DBS.280032", (403,), AUTH, "the IAM user lacks the permission"),
    Row("DBS.280056", (401,), AUTH, "the token is invalid"),
    Row("DBS.280063", (403,), AUTH, "the IAM user lacks the permission"),
    Row("DBS.280064", (401,), AUTH, "a fine-grained permission is missing"),
    Row("DBS.280408", (400,), CONFIGURATION, "the project id is invalid"),
    Row("DBS.280433", (403,), CONFIGURATION, "the enterprise project is invalid"),
    Row("APIGW.0101", (404,), CONFIGURATION, "no such API: wrong endpoint, path or region"),
    Row("APIGW.0103", (404,), CONFIGURATION, "the API has no backend in this region"),
    Row("APIGW.0104", (400,), PERMANENT, "the gateway can't take the request"),
    Row("APIGW.0105", (400,), PERMANENT, "the gateway can't take the request"),
    Row("APIGW.0106", (400,), PERMANENT, "the gateway can't take the request"),
    Row("APIGW.0201", (400, 413, 414, 494), PERMANENT, "bad request, or something too large"),
    Row("APIGW.0201", (502,), AMBIGUOUS, "the backend is unavailable"),
    Row("APIGW.0201", (504,), AMBIGUOUS, "the backend timed out"),
    Row("APIGW.0301", (401,), AUTH, "wrong signature, clock or token, or a locked key"),
    Row("APIGW.0302", (403,), AUTH, "IAM does not allow it"),
    Row("APIGW.0303", (401,), AUTH, "wrong app authentication"),
    Row("APIGW.0304", (403,), AUTH, "the app is not allowed"),
    Row("APIGW.0305", (401,), AUTH, "wrong authentication"),
    Row("APIGW.0306", (403,), AUTH, "not allowed"),
    Row("APIGW.0307", (401,), AUTH, "the token has to be renewed, or is of another region"),
    Row("APIGW.0308", (429,), THROTTLED, "too many calls"),
    Row("APIGW.0310", (403,), AUTH, "the project is not available"),
    Row("APIGW.0311", (401,), AUTH, "wrong authentication"),
    Row("APIGW.0401", (403,), AUTH, "calls from this address are refused"),
    Row("APIGW.0402", (403,), AUTH, "calls by this app or account are refused"),
    Row("APIGW.0404", (403,), AUTH, "access from this place is refused"),
    Row("APIGW.0501", (405,), AUTH, "the app's quota is used up"),
    Row("APIGW.0502", (405,), AUTH, "the app is frozen"),
    Row("APIGW.0601", (500,), AMBIGUOUS, "internal error of the gateway"),
    Row("APIGW.0602", (400,), PERMANENT, "the gateway can't take the request"),
    Row("APIGW.0605", (500,), AMBIGUOUS, "internal error of the gateway"),
    Row("APIGW.0606", (500,), AMBIGUOUS, "internal error of the gateway"),
    Row("APIGW.0607", (400,), PERMANENT, "the gateway can't take the request"),
    Row("APIGW.0608", (500,), AMBIGUOUS, "internal error of the gateway"),
    Row("APIGW.0609", (500,), AMBIGUOUS, "internal error of the gateway"),
    Row("APIGW.0610", (502,), AMBIGUOUS, "the gateway has no backend"),
    Row("APIGW.0611", (500,), AMBIGUOUS, "internal error of the gateway"),
    Row("APIGW.0612", (500,), AMBIGUOUS, "internal error of the gateway"),
    Row("APIGW.0613", (503,), RETRY, "IAM is down; refused before the backend"),
    Row("APIGW.0705", (500,), AMBIGUOUS, "internal error of the gateway"),
    Row("APIGW.0801", (403,), AUTH, "the region is refused"),
    Row("APIGW.0802", (403,), AUTH, "the IAM user may not use this region"),
)

DEFAULTS: Final = (
    ((ENTRY,), RETRY, "an unknown code of one instance: a few times, then a person"),
    ((400,), PARAMETER, "the batch is split; a lone instance fails"),
    ((401, 403), AUTH, "the target stops"),
    ((404, 405), CONFIGURATION, "the target stops"),
    ((408, 499), AMBIGUOUS, "the work may go on behind it"),
    ((409,), RETRY, "a conflict with what runs now"),
    ((429,), THROTTLED, "the target backs off"),
)
"""What a status means whose body names no code, or one that the table does not have."""

OTHER_REFUSAL: Final = (PERMANENT, "any other 4xx")
OTHERWISE: Final = (AMBIGUOUS, "anything else: 5xx, 3xx, a success that is not 202")

PROVEN_REFUSALS: Final = frozenset({("APIGW.0613", 503)})
"""Server errors that the gateway gives before it passes a call on; every other one is unclear."""

NO_SUCH_INSTANCE: Final = frozenset(
    {
        *("DBS.200002", "DBS.201028", "DBS.201501", "DBS.201502"),
        *("DBS.280016", "DBS.280110"),
    }
)
"""Codes with which a read says that it knows no instance of an id."""

TOKEN_STALE: Final = frozenset({"APIGW.0301", "APIGW.0307", "DBS.280056"})
"""Codes of a 401 that a new token may mend."""

_ROWS: Final = {
    code: tuple(rows)
    for code, rows in groupby(sorted(TABLE, key=lambda row: row.code), lambda row: row.code)
}


def normal_code(code: str) -> str:
    """A code in one spelling: some gateways write `APIG.` for `APIGW.`."""
    return f"APIGW.{code[5:]}" if code.startswith("APIG.") else code


def kind_of(code: str, status: int) -> ErrorKind:
    """What an error asks of us.

    Args:
        code: in its normal spelling; may be unknown.
        status: HTTP status that carried it; 202 for one instance's entry.
    """
    rows = _ROWS.get(code, ())
    if len(rows) == 1:
        return rows[0].kind
    for row in rows:
        if status in row.statuses:
            return row.kind
    return default_kind(status)


def default_kind(status: int) -> ErrorKind:
    """What a status asks of us when no code is known."""
    for statuses, kind, _ in DEFAULTS:
        if status in statuses:
            return kind
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return OTHER_REFUSAL[0]
    return OTHERWISE[0]


def entry_kind(code: str) -> ErrorKind:
    """What an error of one instance's entry asks of us: nothing was started for it."""
    kind = kind_of(code, ENTRY)
    if kind is AMBIGUOUS:
        return RETRY
    return PERMANENT if kind is PARAMETER else kind


def call_kind(code: str, status: int, instances: int) -> ErrorKind:
    """What the refusal of a whole upgrade call asks of us.

    A refusal that concerns one instance must not condemn the others of its batch, nor declare
    them done: as it does not say which it means, the batch is split.
    """
    kind = kind_of(code, status)
    return PARAMETER if instances > 1 and kind in {PERMANENT, DONE} else kind
