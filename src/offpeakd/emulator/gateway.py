"""What stands before the service: who calls, for which project, how often."""

from collections import deque
from datetime import datetime, timedelta
from typing import Final

from offpeakd.emulator.call import Call
from offpeakd.emulator.refusals import no_api, throttled, wrong_project
from offpeakd.emulator.routes import UNKNOWN
from offpeakd.emulator.verify import AccessKey, SignatureCheck, Tokens

_MINUTE: Final = timedelta(minutes=1)


class Gateway:
    """Admits calls or refuses them, before the service sees anything of them."""

    def __init__(
        self, key: AccessKey, tokens: Tokens, project_id: str, requests_per_minute: int | None
    ) -> None:
        self.signatures = SignatureCheck(key)
        self._tokens = tokens
        self._project_id = project_id
        self._limit = requests_per_minute
        self._lately: deque[datetime] = deque()

    def admit(self, call: Call) -> None:
        """Let the call pass.

        Raises:
            RefusedError: no such API, no right to it, or too many calls.
        """
        if call.kind == UNKNOWN:
            raise no_api()
        if call.kind != "token":
            self._identify(call)
        if call.project_id not in {None, self._project_id}:
            raise wrong_project()
        self._throttle(call.at)

    def _identify(self, call: Call) -> None:
        token = call.arrived.headers.get("x-auth-token")
        if token is not None:
            self._tokens.check(token, call.at)
        else:
            self.signatures.check(call.arrived, call.at)

    def _throttle(self, now: datetime) -> None:
        if self._limit is None:
            return
        while self._lately and self._lately[0] <= now - _MINUTE:
            self._lately.popleft()
        if len(self._lately) >= self._limit:
            raise throttled(self._limit)
        self._lately.append(now)
