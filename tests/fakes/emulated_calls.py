"""Calls to an emulator, signed or with a token, one connection kept alive."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPConnection
from typing import Any

from offpeakd.emulator import Emulator
from offpeakd.emulator.verify import ALGORITHM, Arrived, canonical_request, signature
from offpeakd.ports import Clock

SECONDS = 10


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        document: of a JSON body; empty for any other.
    """

    status: int
    body: str
    headers: Mapping[str, str] = field(repr=False)

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.body) if self.body.startswith("{") else {}

    @property
    def code(self) -> str:
        return str(self.document.get("error_code", ""))


class Caller:
    """Signs with the emulator's key, or uses a token once it has one."""

    def __init__(self, cloud: Emulator, clock: Clock) -> None:
        self.cloud = cloud
        self.clock = clock
        self.secret = cloud.settings.secret_key
        self.token: str | None = None
        self.project = cloud.settings.project_id
        self.connection = HTTPConnection(cloud.url.removeprefix("http://"), timeout=SECONDS)

    def close(self) -> None:
        self.connection.close()

    def headers(
        self, method: str, target: str, body: bytes, signed_at: datetime | None = None
    ) -> dict[str, str]:
        if self.token is not None:
            return {"X-Auth-Token": self.token}
        date = (signed_at or self.clock.now()).strftime("%Y%m%dT%H%M%SZ")
        path, _, query = target.partition("?")
        call = Arrived(method, path, query, {"x-sdk-date": date}, body)
        signed = signature(self.secret, date, canonical_request(call, "x-sdk-date"))
        access = self.cloud.settings.access_key
        return {
            "X-Sdk-Date": date,
            "Authorization": f"{ALGORITHM} Access={access}, SignedHeaders=x-sdk-date, "
            f"Signature={signed}",
        }

    def ask(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        signed_at: datetime | None = None,
        more: Mapping[str, str] | None = None,
    ) -> Answer:
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        headers = {**self.headers(method, target, raw, signed_at), **(more or {})}
        self.connection.request(method, target, raw, headers)
        answer = self.connection.getresponse()
        return Answer(answer.status, answer.read().decode(), dict(answer.getheaders()))

    def dds(self, method: str, rest: str, body: object = None, version: str = "v3") -> Answer:
        return self.ask(method, f"/{version}/{self.project}/{rest}", body)

    def upgrade(self, *ids: object) -> Answer:
        return self.dds("POST", "instances/db-upgrade", {"instance_ids": list(ids)})

    def log_in(self, **changes: object) -> Answer:
        """Ask for a token, and use it from now on when there is one."""
        settings = self.cloud.settings
        user: dict[str, object] = {
            "name": settings.user,
            "password": settings.password,
            "domain": {"name": settings.domain},
            **changes,
        }
        auth = {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": settings.region}},
        }
        answer = self.ask("POST", "/v3/auth/tokens?nocatalog=true", {"auth": auth})
        self.token = answer.headers.get("X-Subject-Token", self.token)
        return answer
