"""One target of DDS: implements `ports.Cloud`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final, TypeVar

from offpeakd.adapters.huaweicloud import upgrade_answer, wire
from offpeakd.adapters.huaweicloud.address import Address
from offpeakd.adapters.huaweicloud.budget import CallBudget
from offpeakd.adapters.huaweicloud.connections import Patience
from offpeakd.adapters.huaweicloud.credentials.authorizing import Credentials
from offpeakd.adapters.huaweicloud.error_codes import NO_SUCH_INSTANCE
from offpeakd.adapters.huaweicloud.reads import Reader, common_headers, never
from offpeakd.adapters.huaweicloud.refusals import (
    ESTIMATE,
    LIST_INSTANCES,
    LIST_JOBS,
    SHOW_JOB,
    Errand,
)
from offpeakd.adapters.huaweicloud.refused_keys import KeySparedError, RefusedKeys
from offpeakd.adapters.huaweicloud.signing import Query
from offpeakd.adapters.huaweicloud.transport import Call, CallFailedError, Transport
from offpeakd.core.identifiers import parse_instance_id
from offpeakd.core.outcomes import CloudProblem, ErrorKind
from offpeakd.core.seen import Instance, Job
from offpeakd.ports import Clock, JobPage, SignedCall, UpgradeAnswer

UPGRADE_LIMIT: Final = 1024 * 1024
"""Bytes of the upgrade call's answer that are read at the most."""

MOST_PAGES: Final = 300

T = TypeVar("T")

_INSTANCES: Final = "/v3/{project_id}/instances"
_UPGRADE: Final = "/v3/{project_id}/instances/db-upgrade"


class _VetoedError(Exception):
    """The gate said no, before the first byte."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class _FirstByte:
    """Asks the gate, and notes when the first byte was tried."""

    def __init__(self, gate: Callable[[], str | None], clock: Clock) -> None:
        self._gate = gate
        self._clock = clock
        self.at: datetime | None = None

    def __call__(self) -> None:
        veto = self._gate()
        if veto is not None:
            raise _VetoedError(veto)
        self.at = self._clock.now()


class DdsCloud:
    """A project in a region, with credentials. Its methods may be used from several threads."""

    def __init__(
        self,
        address: Address,
        credentials: Credentials,
        clock: Clock,
        wait: Callable[[timedelta], bool] | None = None,
        keys: RefusedKeys | None = None,
        shared: Callable[[int], timedelta | None] | None = None,
    ) -> None:
        """Nothing is connected yet.

        Args:
            address: where calls go.
            credentials: from `open_credentials`; closed together with this.
            clock: of the machine.
            wait: see `CallBudget`; for tests.
            keys: what is known of refused keys, shared by all targets of the process; a new
                one unless given.
            shared: see `CallBudget`; for daemons that share a database.

        Raises:
            ConfigurationError: the file with the authorities can't be used.
        """
        self._address = address
        self._credentials = credentials
        self._clock = clock
        patience = Patience(address.connect_timeout, address.read_timeout, address.write_timeout)
        self._transport = Transport(address.endpoint, clock, patience, address.ca_file)
        self._budget = CallBudget(address.name, address.requests_per_minute, clock, wait, shared)
        self._keys = keys or RefusedKeys(clock)
        self._reader = Reader(
            address, self._transport, credentials, self._budget, self._keys, clock
        )

    def list_instances(self) -> tuple[Instance, ...]:
        """Every instance of the project, all pages, each once."""
        known: dict[str, Instance] = {}
        offset = 0
        for _ in range(MOST_PAGES):
            page = self._instance_page((("limit", str(wire.PAGE)), ("offset", str(offset))))
            fresh = [instance for instance in page if instance.id not in known]
            known |= {instance.id: instance for instance in fresh}
            # Counts in the answers are not to be trusted: a short page is the last one, and one
            # that brings nothing new is of a server that pays no heed to `offset`.
            if len(page) < wire.PAGE or not fresh:
                return tuple(known.values())
            offset += len(page)
        raise self._reader.odd(LIST_INSTANCES, f"there are more than {MOST_PAGES} pages")

    def find_instance(self, instance_id: str) -> Instance | None:
        """One instance; None when the cloud knows none of that id."""
        page = self._instance_page((("id", instance_id),), _is_unknown_instance)
        found = _with_id(page, instance_id)
        if found is None and page:
            # Others were listed: the filter was ignored, so the page may not be the only one.
            return _with_id(self.list_instances(), instance_id)
        return found

    def sign_upgrade(self, instance_ids: Sequence[str]) -> SignedCall:
        """Serialise and sign the batch call.

        Raises:
            ValueError: not one to ten distinct ids: a defect of the caller.
            CredentialsError: there is no usable key or token.
            CloudUnreachableError: the service that gives it does not answer.
            CloudThrottledError: it asks us to wait.
        """
        body = wire.upgrade_body(instance_ids)
        headers = common_headers(self._transport, self._address)
        authorized = self._credentials.authorize(self._upgrade(body), headers)
        return SignedCall(
            tuple(instance_ids), body, authorized.headers, authorized.at, self._credentials.fenced
        )

    def send(
        self,
        call: SignedCall,
        gate: Callable[[], str | None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> UpgradeAnswer:
        """Make the call, once: no retry, no redirect. Everything that happens is an answer.

        Args:
            call: from `sign_upgrade`.
            gate: asked when the connection stands and before the first byte is written; text is
                a veto. What it raises comes through, and nothing was written then.
            meanwhile: done once the call is written; raises nothing.
        """
        missing = self._budget.take_for_upgrade()
        if missing is not None:
            limit = self._address.requests_per_minute
            why = f"the target's {limit} calls a minute are used up"
            return self._not_sent(call, why, retry_after=missing)
        first = _FirstByte(gate, self._clock)
        try:
            answer = self._keys.make(
                call.headers,
                lambda: self._transport.exchange(
                    self._upgrade(call.body),
                    call.headers,
                    UPGRADE_LIMIT,
                    before_first_byte=first,
                    meanwhile=meanwhile,
                ),
            )
        except KeySparedError as spared:
            return self._not_sent(call, str(spared), retry_after=spared.wait)
        except _VetoedError as veto:
            return self._not_sent(call, veto.why)
        except CallFailedError as failed:
            if failed.unsent:
                first.at = None
            if first.at is None:
                return self._not_sent(call, failed.why)
            return upgrade_answer.unclear(self._sent(call, first), failed.why, failed.answer)
        finally:
            if first.at is None:
                self._budget.give_back()
        return self._marked(upgrade_answer.classified(self._sent(call, first), answer))

    def list_jobs(self, since: datetime, until: datetime, offset: int) -> JobPage:
        """A page of up to 100 upgrade jobs created between two instants."""
        query = (
            ("start_time", wire.written_time(since)),
            ("end_time", wire.written_time(until)),
            ("name", wire.UPGRADE_JOB),
            ("limit", str(wire.PAGE)),
            ("offset", str(offset)),
        )
        document = self._reader.get(LIST_JOBS, "/v3.1/{project_id}/jobs", query) or {}
        jobs, listed = self._shaped(LIST_JOBS, lambda: wire.listed_jobs(document))
        return JobPage(jobs, full=listed >= wire.PAGE)

    def find_job(self, job_id: str) -> Job | None:
        """One job; None while the cloud does not show it."""
        document = self._reader.get(
            SHOW_JOB, "/v3/{project_id}/jobs", (("id", job_id),), _is_unknown_job
        )
        return None if document is None else self._shaped(SHOW_JOB, lambda: wire.job(document))

    def upgrade_minutes(self, instance_id: str) -> int | None:
        """The cloud's estimate for the quickest method; None where it has none."""
        path = f"{_INSTANCES}/{parse_instance_id(instance_id)}/db-upgrade-duration"
        document = self._reader.get(ESTIMATE, path, (), _is_no_estimate)
        return None if document is None else wire.quickest_minutes(document)

    def clock_offset(self) -> timedelta | None:
        """How far our wall clock is ahead of the cloud's now; None while no answer told a time."""
        return self._transport.offset

    def close(self) -> None:
        """Close connections; reads that wait for room give up."""
        self._budget.close()
        self._credentials.close()
        self._transport.close()

    def _upgrade(self, body: bytes) -> Call:
        return Call("POST", _UPGRADE.format(project_id=self._address.project_id), body=body)

    def _sent(self, call: SignedCall, first: _FirstByte) -> upgrade_answer.Sent:
        return upgrade_answer.Sent(call.instance_ids, first.at, self._clock.now())

    def _not_sent(
        self, call: SignedCall, why: str, retry_after: timedelta | None = None
    ) -> UpgradeAnswer:
        sent = upgrade_answer.Sent(call.instance_ids, None, self._clock.now())
        return replace(upgrade_answer.not_sent(sent, why), retry_after=retry_after)

    def _marked(self, answer: UpgradeAnswer) -> UpgradeAnswer:
        if upgrade_answer.may_be_stale(answer) and self._credentials.renew():
            return replace(answer, renewable=True)
        return answer

    def _instance_page(
        self, query: Query, nothing: Callable[[CloudProblem], bool] = never
    ) -> tuple[Instance, ...]:
        document = self._reader.get(LIST_INSTANCES, _INSTANCES, query, nothing)
        if document is None:
            return ()
        seen_at = self._clock.now()
        return self._shaped(LIST_INSTANCES, lambda: wire.instances(document, seen_at))

    def _shaped(self, errand: Errand, read: Callable[[], T]) -> T:
        try:
            return read()
        except wire.OddAnswerError as error:
            raise self._reader.odd(errand, str(error)) from None


def _with_id(page: Sequence[Instance], instance_id: str) -> Instance | None:
    return next((instance for instance in page if instance.id == instance_id), None)


def _is_unknown_instance(problem: CloudProblem) -> bool:
    return problem.code in NO_SUCH_INSTANCE and problem.status < HTTPStatus.INTERNAL_SERVER_ERROR


def _is_unknown_job(problem: CloudProblem) -> bool:
    """What the API says to a job id it does not show yet is not documented.

    So it is any plain 400, and any 404 but the gateway's own, which means a wrong endpoint.
    """
    if problem.status == HTTPStatus.NOT_FOUND:
        return not problem.code.startswith("APIGW.")
    return problem.status == HTTPStatus.BAD_REQUEST and problem.kind in {
        ErrorKind.PERMANENT,
        ErrorKind.PARAMETER,
    }


def _is_no_estimate(problem: CloudProblem) -> bool:
    """The estimate is a courtesy: regions without it and keys that may not ask do without."""
    return (
        HTTPStatus.BAD_REQUEST <= problem.status < HTTPStatus.INTERNAL_SERVER_ERROR
        and problem.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS}
    )
