"""Reads of one target: within its budget, tried again where that is safe, errors named."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from offpeakd.adapters.huaweicloud.address import Address
from offpeakd.adapters.huaweicloud.again import again
from offpeakd.adapters.huaweicloud.answers import Answer, JsonObject, json_object
from offpeakd.adapters.huaweicloud.budget import CallBudget
from offpeakd.adapters.huaweicloud.credentials.authorizing import Credentials
from offpeakd.adapters.huaweicloud.error_codes import TOKEN_STALE
from offpeakd.adapters.huaweicloud.refusals import Errand, error_of, problem_of
from offpeakd.adapters.huaweicloud.refused_keys import KeySparedError, RefusedKeys
from offpeakd.adapters.huaweicloud.signing import Query
from offpeakd.adapters.huaweicloud.transport import USER_AGENT, Call, CallFailedError, Transport
from offpeakd.core.errors import CloudDeniedError, CloudError, CloudUnreachableError
from offpeakd.core.outcomes import CloudProblem
from offpeakd.ports import Clock

LIMIT: Final = 16 * 1024 * 1024
"""Bytes of a listing that are read at the most."""


class _ServerError(Exception):
    """A read was answered with 5xx: worth another try."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer.status))
        self.answer = answer


def _may_pass(error: Exception) -> bool:
    return isinstance(error, _ServerError) or (isinstance(error, CallFailedError) and error.passing)


def never(_problem: CloudProblem) -> bool:
    """No refusal means that there is nothing."""
    return False


class Reader:
    """Makes the reads of one target."""

    def __init__(
        self,
        address: Address,
        transport: Transport,
        credentials: Credentials,
        budget: CallBudget,
        keys: RefusedKeys,
        clock: Clock,
    ) -> None:
        self._address = address
        self._transport = transport
        self._credentials = credentials
        self._budget = budget
        self._keys = keys
        self._clock = clock

    def get(
        self,
        errand: Errand,
        path: str,
        query: Query = (),
        nothing: Callable[[CloudProblem], bool] = never,
    ) -> JsonObject | None:
        """The answer's document.

        Args:
            errand: what it is for.
            path: below the project, such as `/v3/{project_id}/jobs`.
            query: unescaped.
            nothing: whether a refusal means that there is nothing of that kind.

        Returns:
            None only where `nothing` says so.

        Raises:
            CloudError: one of its kinds, or itself for an answer of another shape.
            CredentialsError: there is no usable key or token.
        """
        call = Call("GET", path.format(project_id=self._address.project_id), query)
        answer = self._tried(errand, call)
        if answer.status == HTTPStatus.OK:
            document = json_object(answer.body)
            if document is None:
                raise self.odd(errand, "it is no JSON object")
            return document
        if nothing(problem_of(answer)):
            return None
        name, now = self._address.name, self._clock.now()
        raise error_of(name, errand, answer, now, self._transport.offset)

    def odd(self, errand: Errand, what: str) -> CloudError:
        """The error for an answer of another shape than documented."""
        return CloudError(
            f"target {self._address.name}: can't {errand.name}: the answer is odd: {what}",
            fix="Check the target's `endpoint`: it may be another service's.",
        )

    def _tried(self, errand: Errand, call: Call) -> Answer:
        try:
            return self._persistently(call)
        except _ServerError as error:
            return error.answer
        except KeySparedError as error:
            raise self._spared(errand, error) from None
        except CallFailedError as error:
            raise CloudUnreachableError(
                f"target {self._address.name}: can't {errand.name}: {error.why}",
                fix="Check network, DNS and `endpoint`; for a private authority name its "
                "certificates in `ca_file`.",
            ) from None

    def _persistently(self, call: Call) -> Answer:
        try:
            return self._answered(call)
        except (_ServerError, CallFailedError) as error:
            return again(error, _may_pass, lambda: self._answered(call))

    def _spared(self, errand: Errand, error: KeySparedError) -> CloudError:
        what = f"target {self._address.name}: can't {errand.name}: {error}"
        if error.refused:
            fix = "Check the key or token, and that it belongs to this region."
            return CloudDeniedError(what, code="key-spared", fix=fix)
        return CloudUnreachableError(what, fix="Check network and `endpoint`.")

    def _answered(self, call: Call) -> Answer:
        answer = self._once(call)
        if answer.status == HTTPStatus.UNAUTHORIZED and self._renewed(answer):
            answer = self._once(call)
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _ServerError(answer)
        return answer

    def _renewed(self, answer: Answer) -> bool:
        return problem_of(answer).code in TOKEN_STALE and self._credentials.renew()

    def _once(self, call: Call) -> Answer:
        self._budget.take_for_read()
        headers = common_headers(self._transport, self._address)
        authorized = self._credentials.authorize(call, headers)
        return self._keys.make(
            authorized.headers,
            lambda: self._transport.exchange(call, authorized.headers, LIMIT),
        )


def common_headers(transport: Transport, address: Address) -> Mapping[str, str]:
    """The headers that every call has, before a signature or token; all of them get signed."""
    return {
        "Host": transport.host,
        "User-Agent": USER_AGENT,
        "Content-Type": "application/json",
        "X-Project-Id": address.project_id,
    }
