"""Checks signatures and tokens the way the API gateway does.

Written from the public signing guide (API Signing Guide, "AK/SK Signing and Authentication
Algorithm") and not from the client's signer: two implementations that agree prove more than one.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final
from urllib.parse import quote, unquote, unquote_plus

from offpeakd.core.values import value
from offpeakd.emulator.refusals import bad_signature, bad_token

ALGORITHM: Final = "SDK-HMAC-SHA256"
MOST_SKEW: Final = timedelta(minutes=15)
FAILURES_BEFORE_LOCK: Final = 5
LOCKED_FOR: Final = timedelta(minutes=5)
_AUTHORIZATION: Final = re.compile(
    rf"{ALGORITHM} Access=(?P<key>[^,\s]+), SignedHeaders=(?P<headers>[^,\s]+), "
    r"Signature=(?P<signature>[0-9a-f]{64})"
)


@value
class Arrived:
    """A call as it came over the wire.

    Attributes:
        method: in capitals.
        path: percent-encoded, as sent.
        query: after the `?`, as sent.
        headers: names in lower case.
        body: its bytes.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = b""


@value
class AccessKey:
    """The key pair that the pretended cloud knows; with a token when it is a temporary one."""

    access: str
    secret: str = field(repr=False)
    security_token: str = field(default="", repr=False)


def canonical_request(call: Arrived, signed_headers: str) -> str:
    """The text that is hashed: method, path, query, headers, their names, hash of the body."""
    path = "/".join(_encoded(part) for part in unquote(call.path).split("/"))
    lines = (
        call.method,
        path if path.endswith("/") else f"{path}/",
        _canonical_query(call.query),
        "".join(f"{name}:{call.headers[name].strip()}\n" for name in signed_headers.split(";")),
        signed_headers,
        hashlib.sha256(call.body).hexdigest(),
    )
    return "\n".join(lines)


def signature(secret: str, date: str, canonical: str) -> str:
    """The signature of a canonical request."""
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"{ALGORITHM}\n{date}\n{digest}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _canonical_query(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    decoded = sorted((unquote_plus(name), unquote_plus(value)) for name, _, value in pairs)
    return "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in decoded)


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")


class SignatureCheck:
    """Knows one key pair, and locks it after more than five failures in a row."""

    def __init__(self, key: AccessKey) -> None:
        self.key = key
        self._failures = 0
        self._locked_until: datetime | None = None

    def check(self, call: Arrived, now: datetime) -> None:
        """Let the call pass.

        Raises:
            RefusedError: 401 APIGW.0301, with the reason in its text.
        """
        if self._locked_until is not None and now < self._locked_until:
            raise bad_signature("the AK is locked after repeated failures")
        self._locked_until = None
        problem = self._problem(call, now)
        if problem is None:
            self._failures = 0
            return
        self._failures += 1
        if self._failures > FAILURES_BEFORE_LOCK:
            self._locked_until = now + LOCKED_FOR
            self._failures = 0
        raise bad_signature(problem)

    def _problem(self, call: Arrived, now: datetime) -> str | None:
        match = _AUTHORIZATION.fullmatch(call.headers.get("authorization", ""))
        if match is None:
            return "the Authorization header is missing or malformed"
        if match["key"] != self.key.access:
            return "the AK does not exist"
        if call.headers.get("x-security-token", "") != self.key.security_token:
            return "the security token does not belong to the AK"
        names = match["headers"].split(";")
        absent = [name for name in names if name not in call.headers]
        if absent or "x-sdk-date" not in names:
            return "a signed header is missing"
        date = call.headers["x-sdk-date"]
        return _wrong_date(date, now) or self._wrong_signature(call, match, date)

    def _wrong_signature(self, call: Arrived, match: re.Match[str], date: str) -> str | None:
        expected = signature(self.key.secret, date, canonical_request(call, match["headers"]))
        if hmac.compare_digest(expected, match["signature"]):
            return None
        return "verify aksk signature fail"


def _wrong_date(date: str, now: datetime) -> str | None:
    try:
        signed_at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return "X-Sdk-Date is malformed"
    if abs(now - signed_at) > MOST_SKEW:
        return "signature expired"
    return None


@value
class Token:
    """An IAM token: its text, and until when it is good."""

    text: str = field(repr=False)
    issued_at: datetime
    expires_at: datetime


class Tokens:
    """Gives out tokens and knows them again."""

    def __init__(self, life: timedelta, seed: int) -> None:
        self._life = life
        self._rng = Random(seed)  # noqa: S311 - tokens of a pretended cloud on loopback
        self._known: dict[str, Token] = {}

    def issue(self, now: datetime) -> Token:
        """A new token; older ones stay good."""
        self._known = {text: token for text, token in self._known.items() if now < token.expires_at}
        token = Token(f"EMULATED{self._rng.getrandbits(512):0128x}", now, now + self._life)
        self._known[token.text] = token
        return token

    def check(self, text: str, now: datetime) -> None:
        """Let the token pass.

        Raises:
            RefusedError: 401 APIGW.0307.
        """
        token = self._known.get(text)
        if token is None:
            raise bad_token("it is unknown")
        if now >= token.expires_at:
            raise bad_token("it has expired")

    def revoke(self) -> None:
        """Make every token unknown, as a change of the password does."""
        self._known.clear()
