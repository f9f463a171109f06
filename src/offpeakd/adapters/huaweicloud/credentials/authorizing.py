"""Credentials at work: the headers that let a call pass."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Protocol

from offpeakd.adapters.huaweicloud.credentials.sources import Source
from offpeakd.adapters.huaweicloud.signing import (
    DATE_HEADER,
    AccessKey,
    authorization,
    sdk_date,
)
from offpeakd.adapters.huaweicloud.transport import Call
from offpeakd.core.values import value
from offpeakd.ports import Clock


@value
class Authorized:
    """The headers of a call that may pass.

    Attributes:
        headers: all of them.
        at: the instant in the signature; for a token, when it was put in.
    """

    headers: Mapping[str, str] = field(repr=False)
    at: datetime


class Credentials(Protocol):
    """One target's credentials. All methods may be used from several threads."""

    @property
    def fenced(self) -> bool:
        """Whether the gateway refuses a call by itself some minutes after it was authorized."""
        ...

    def authorize(self, call: Call, headers: Mapping[str, str]) -> Authorized:
        """The headers with a signature or a token.

        Args:
            call: to be signed with its body.
            headers: all others; those given here are signed.

        Raises:
            CredentialsError: there is no usable key or token.
            CloudUnreachableError: the service that gives it does not answer.
            CloudThrottledError: it asks us to wait.
        """
        ...

    def renew(self) -> bool:
        """The cloud refuses what we have: whether the next call will have something newer."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


class KeyCredentials:
    """Signs each call with a permanent or a temporary key."""

    fenced = True

    def __init__(self, source: Source[AccessKey], clock: Clock) -> None:
        self._source = source
        self._clock = clock

    def authorize(self, call: Call, headers: Mapping[str, str]) -> Authorized:
        """The headers with `X-Sdk-Date`, the security token where there is one, the signature."""
        key = self._source.get()
        # Read late, for getting a key may take its time; and what is signed is what is stored.
        at = self._clock.now().replace(microsecond=0)
        signed = {**headers, DATE_HEADER: sdk_date(at)}
        if key.security_token:
            signed["X-Security-Token"] = key.security_token
        signature = authorization(
            key, call.method, call.path, call.query, headers=signed, body=call.body
        )
        return Authorized({**signed, "Authorization": signature}, at)

    def renew(self) -> bool:
        """Whether a temporary key is fetched anew; a permanent one is what it is."""
        return self._source.renew()

    def close(self) -> None:
        """Close connections."""
        self._source.close()


class TokenCredentials:
    """Adds a token of IAM to each call."""

    fenced = False

    def __init__(self, source: Source[str], clock: Clock) -> None:
        self._source = source
        self._clock = clock

    def authorize(self, call: Call, headers: Mapping[str, str]) -> Authorized:
        """The headers with `X-Auth-Token`."""
        del call  # a token covers any call
        token = self._source.get()
        return Authorized({**headers, "X-Auth-Token": token}, self._clock.now())

    def renew(self) -> bool:
        """Whether the token is fetched anew."""
        return self._source.renew()

    def close(self) -> None:
        """Close connections."""
        self._source.close()
