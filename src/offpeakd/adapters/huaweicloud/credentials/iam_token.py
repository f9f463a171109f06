"""Tokens of IAM for a user and a password.

Public source: the IAM API reference, "Obtaining a User Token Through Password Authentication"
(iam_30_0001): the token is the header `X-Subject-Token`, valid for 24 hours.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from offpeakd.adapters.huaweicloud.address import Address
from offpeakd.adapters.huaweicloud.answers import (
    Answer,
    as_object,
    cloud_time,
    json_object,
    named_error,
    request_id,
    retry_after,
)
from offpeakd.adapters.huaweicloud.connections import Patience
from offpeakd.adapters.huaweicloud.credentials.references import PasswordFile
from offpeakd.adapters.huaweicloud.credentials.secret_files import SecretFile, read_secret
from offpeakd.adapters.huaweicloud.credentials.sources import UNTOLD_LIFE, Fresh, life_of
from offpeakd.adapters.huaweicloud.refusals import plain
from offpeakd.adapters.huaweicloud.transport import (
    USER_AGENT,
    Call,
    CallFailedError,
    Transport,
)
from offpeakd.adapters.huaweicloud.wire import OddAnswerError, read_time
from offpeakd.core.errors import CloudThrottledError, CloudUnreachableError, CredentialsError
from offpeakd.ports import Clock

RENEW_AT: Final = 0.8
"""Share of a token's life after which another one is fetched."""

_LIMIT: Final = 1024 * 1024


class TokenService:
    """Fetches tokens for one user, scoped to one project."""

    def __init__(
        self,
        reference: PasswordFile,
        address: Address,
        clock: Clock,
        environ: Mapping[str, str],
    ) -> None:
        self._reference = reference
        self._name = address.name
        self._clock = clock
        self._environ = environ
        patience = Patience(address.connect_timeout, address.read_timeout, address.write_timeout)
        self._transport = Transport(address.iam_endpoint, clock, patience, address.ca_file)

    def fetch(self) -> Fresh[str]:
        """A new token.

        Raises:
            CredentialsError: the password's file is unusable, or IAM refuses the user.
            CloudUnreachableError: no answer, or a server error.
            CloudThrottledError: too many calls.
        """
        password = read_secret(password_file(self._reference), self._environ)
        call = Call("POST", "/v3/auth/tokens", (("nocatalog", "true"),), self._body(password))
        headers = {
            "Host": self._transport.host,
            "User-Agent": USER_AGENT,
            "Content-Type": "application/json;charset=utf-8",
        }
        try:
            answer = self._transport.exchange(call, headers, _LIMIT)
        except CallFailedError as error:
            raise CloudUnreachableError(
                f"target {self._name}: IAM gives no token: {error.why}",
                fix="Check the network and `iam_endpoint`.",
            ) from None
        return self._token(answer, password)

    def close(self) -> None:
        """Close the connections to IAM."""
        self._transport.close()

    def _body(self, password: str) -> bytes:
        user = {
            "domain": {"name": self._reference.domain},
            "name": self._reference.user,
            "password": password,
        }
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {"project": {"id": self._reference.project_id}}
        return json.dumps({"auth": {"identity": identity, "scope": scope}}).encode()

    def _token(self, answer: Answer, password: str) -> Fresh[str]:
        token = answer.headers.get("x-subject-token", "")
        if answer.status not in {HTTPStatus.OK, HTTPStatus.CREATED} or not token:
            self._refuse(answer, password)
        life = self._life(answer)
        return Fresh(token, life, life * RENEW_AT)

    def _refuse(self, answer: Answer, password: str) -> None:
        code, message = named_error(answer)
        message = plain(_without(message, password))
        what = (
            f"target {self._name}: IAM gives no token to user {self._reference.user} of "
            f"{self._reference.domain}: {answer.status} {code} {message}".rstrip()
            + f" (request {request_id(answer) or 'without an id'})"
        )
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise CloudThrottledError(what, retry_after=retry_after(answer, self._clock.now()))
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise CloudUnreachableError(what, fix="IAM has trouble of its own; it is tried again.")
        raise CredentialsError(
            what,
            fix="Check user, domain (the account's name), project id and the password in "
            f"{self._reference.password_file}; a HUAWEI ID gets no token, an IAM user does.",
        )

    def _life(self, answer: Answer) -> timedelta:
        """By IAM's own two instants, so that our clock has no say in it."""
        token = as_object((json_object(answer.body) or {}).get("token")) or {}
        try:
            ends = read_time(token.get("expires_at"))
            begins = read_time(token.get("issued_at"))
        except OddAnswerError:
            return UNTOLD_LIFE
        return life_of(begins or cloud_time(answer) or self._clock.now(), ends)


def _without(text: str, password: str) -> str:
    """The text without a password that the service may repeat, as it is or as JSON has it."""
    for form in (password, json.dumps(password)[1:-1]):
        text = text.replace(form, "[removed]")
    return text


def password_file(reference: PasswordFile) -> SecretFile:
    """The file with the password."""
    return SecretFile(reference.password_file, "password", phrase=True)
