"""Temporary keys of the agency of the server this runs on.

Public source: the official SDK's `huaweicloudsdkcore.auth` (3.1.219), metadata credentials.
"""

from datetime import timedelta
from http import HTTPStatus
from typing import Final

from offpeakd.adapters.huaweicloud.answers import (
    Answer,
    JsonObject,
    as_object,
    cloud_time,
    json_object,
)
from offpeakd.adapters.huaweicloud.connections import Patience
from offpeakd.adapters.huaweicloud.credentials.sources import Fresh, life_of
from offpeakd.adapters.huaweicloud.signing import AccessKey
from offpeakd.adapters.huaweicloud.transport import (
    USER_AGENT,
    Call,
    CallFailedError,
    Transport,
)
from offpeakd.adapters.huaweicloud.wire import OddAnswerError, read_time
from offpeakd.core.errors import CredentialsError
from offpeakd.ports import Clock

RENEW_BEFORE: Final = timedelta(minutes=40)
"""Before a key's end another one is fetched, as the official SDK does."""

_PATIENCE: Final = Patience(timedelta(seconds=3), timedelta(seconds=3), timedelta(seconds=3))
_LIMIT: Final = 64 * 1024
_SESSION_SECONDS: Final = "21600"
_NO_SESSIONS: Final = frozenset({404, 405, 503})
"""A metadata service that knows no session tokens: it is asked without one."""

_FIX: Final = (
    "Give this server an agency that may use DDS (ECS console, Management Information, Agency), "
    "or configure another type of credentials."
)


class MetadataService:
    """Fetches the agency's keys."""

    def __init__(self, endpoint: str, clock: Clock) -> None:
        self._clock = clock
        self._transport = Transport(endpoint, clock, _PATIENCE)

    def fetch(self) -> Fresh[AccessKey]:
        """A new temporary key.

        Raises:
            CredentialsError: this is no such server, it has no agency, or the answer is odd.
        """
        answer = self._ask(self._session())
        if answer.status == HTTPStatus.UNAUTHORIZED:
            # A session may have ended between the two calls; once, for an agency may be missing.
            answer = self._ask(self._session())
        if answer.status != HTTPStatus.OK:
            raise CredentialsError(
                f"the metadata service gives no key: it answers {answer.status}", fix=_FIX
            )
        return self._key(answer)

    def close(self) -> None:
        """Close the connections to the service."""
        self._transport.close()

    def _session(self) -> str | None:
        answer = self._exchange(
            "PUT",
            "/meta-data/latest/api/token",
            {"X-Metadata-Token-Ttl-Seconds": _SESSION_SECONDS},
        )
        if answer.status in _NO_SESSIONS:
            return None
        text = answer.body.decode("ascii", "replace").strip()
        if answer.status != HTTPStatus.OK or not text or not text.isascii() or " " in text:
            raise CredentialsError(
                f"the metadata service opens no session: it answers {answer.status}", fix=_FIX
            )
        return text

    def _ask(self, session: str | None) -> Answer:
        headers = {"X-Metadata-Token": session} if session else {}
        return self._exchange("GET", "/openstack/latest/securitykey", headers)

    def _exchange(self, method: str, path: str, headers: dict[str, str]) -> Answer:
        common = {"Host": self._transport.host, "User-Agent": USER_AGENT}
        try:
            return self._transport.exchange(Call(method, path), {**common, **headers}, _LIMIT)
        except CallFailedError as error:
            raise CredentialsError(
                f"the metadata service does not answer: {error.why}", fix=_FIX
            ) from None

    def _key(self, answer: Answer) -> Fresh[AccessKey]:
        document = as_object((json_object(answer.body) or {}).get("credential")) or {}
        try:
            ends = read_time(document.get("expires_at"))
        except OddAnswerError:
            ends = None
        begins = cloud_time(answer) or self._clock.now()
        life = life_of(begins, ends)
        keep = max(life - RENEW_BEFORE, timedelta(0))
        return Fresh(_access_key(document), life, keep)


def _access_key(document: JsonObject) -> AccessKey:
    parts = [document.get(name) for name in ("access", "secret", "securitytoken")]
    texts = [part for part in parts if isinstance(part, str) and part and part.isprintable()]
    if len(texts) != len(parts):
        raise CredentialsError("the metadata service gives an incomplete key", fix=_FIX)
    access, secret, token = texts
    return AccessKey(access, secret, token)
