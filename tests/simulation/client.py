"""A daemon's way to the cloud: `ports.Cloud` with everything that can happen on the way."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from typing_extensions import override

from offpeakd.adapters.huaweicloud import upgrade_answer
from offpeakd.adapters.huaweicloud.answers import Answer
from offpeakd.core.errors import (
    CloudDeniedError,
    CloudThrottledError,
    CloudUnreachableError,
)
from offpeakd.core.seen import Instance, Job
from offpeakd.ports import Cloud, JobPage, SignedCall, UpgradeAnswer
from simulation.baton import SECOND, instant, span
from simulation.cloud import CloudWorld
from simulation.faults import NEVER, READ_TIMEOUT, Passage, passage
from simulation.host import Process
from simulation.records import FirstByte, Records

PAGE: Final = 5
"""Jobs a page of the list holds: few, so that there are several pages."""


@dataclass(slots=True)
class Flight:
    """A call whose first byte was written: it goes on whatever becomes of its sender."""

    call: SignedCall
    name: str
    way: Passage
    answer: Answer | None = None


@dataclass(eq=False)
class SimulatedCloud(Cloud):
    """One daemon's client.

    Attributes:
        world: the cloud.
        host: whose clocks and steps these are.
        records: what the checker reads.
        standing: what admits a release by this daemon's configuration, for the record.
    """

    world: CloudWorld
    host: Process
    records: Records
    standing: Callable[[], tuple[tuple[tuple[int, int], ...], int]]
    _witness: tuple[datetime, timedelta] | None = field(default=None, init=False)

    # ------------------------------------------------------------------ reads

    @override
    def list_instances(self) -> tuple[Instance, ...]:
        self._read("list instances")
        found = (self.world.instance(one) for one in self.world.machines)
        return tuple(instance for instance in found if instance is not None)

    @override
    def find_instance(self, instance_id: str) -> Instance | None:
        self._read("find instance")
        return self.world.instance(instance_id)

    @override
    def list_jobs(self, since: datetime, until: datetime, offset: int) -> JobPage:
        self._read("list jobs")
        if self.host.timeline.now < self.world.weather.jobs_denied:
            raise CloudDeniedError("403: jobs may not be listed", code="DBS.280032", fix="")
        first, last = span(since - instant(0)), span(until - instant(0))
        jobs = self.world.jobs(first, last)[offset : offset + PAGE]
        return JobPage(jobs, full=len(jobs) == PAGE)

    @override
    def find_job(self, job_id: str) -> Job | None:
        self._read("find job")
        return self.world.job(job_id)

    @override
    def upgrade_minutes(self, instance_id: str) -> int | None:
        return None

    def _read(self, what: str) -> None:
        fate, weather = self.world.fate, self.world.weather
        self.host.step(f"cloud: {what}")
        self.host.pause(fate.between(SECOND // 50, SECOND // 2))
        now = self.host.timeline.now
        unlucky = self.host.machine.trouble and fate.happens(fate.traits.trouble / 10)
        if now < weather.unreachable or unlucky:
            self.host.tell(f"{what}: unreachable")
            raise CloudUnreachableError("no answer")
        self.world.answers_again()
        self._witness_time(parsedate_to_datetime(self.world.date()))
        if now < weather.bad_key:
            raise CloudDeniedError("401: wrong signature", code="APIGW.0301", fix="")
        if now < weather.throttled:
            raise CloudThrottledError("429", retry_after=timedelta(seconds=20))
        self.host.step(f"cloud: {what}: answered")

    # ------------------------------------------------------------------ the clock's witness

    def _witness_time(self, date: datetime) -> None:
        self._witness = (date, self.host.boottime())

    @override
    def clock_offset(self) -> timedelta | None:
        if self._witness is None:
            return None
        date, at = self._witness
        return self.host.now() - (date + (self.host.boottime() - at))

    # ------------------------------------------------------------------ the call

    @override
    def sign_upgrade(self, instance_ids: Sequence[str]) -> SignedCall:
        self.host.releasing = True
        self.host.step("cloud: sign")
        body = json.dumps({"instances": list(instance_ids), "n": self.records.next_call()})
        signed_at = self.host.now().replace(microsecond=0)
        fenced = self.world.fate.traits.fenced
        return SignedCall(tuple(instance_ids), body.encode(), {}, signed_at, fenced)

    @override
    def send(
        self,
        call: SignedCall,
        gate: Callable[[], str | None],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> UpgradeAnswer:
        way = passage(
            self.world.fate, trouble=self.host.machine.trouble, instances=len(call.instance_ids)
        )
        self.host.step("send: connect")
        self.host.pause(way.connects)
        if way.fails_to_connect:
            self.host.tell("send: no connection")
            return upgrade_answer.not_sent(self._sent(call, None), "connection refused")
        began = self.host.timeline.now
        with self.host.watching_clock():
            veto = gate()
        if veto is not None:
            self.host.tell(f"send: vetoed: {veto}")
            return upgrade_answer.not_sent(self._sent(call, None), veto)
        return self._fly(call, way, began, meanwhile)

    def _fly(
        self, call: SignedCall, way: Passage, began: int, meanwhile: Callable[[], None]
    ) -> UpgradeAnswer:
        """From the first byte on."""
        sent_at = self.host.now()
        flight = Flight(call, self.records.name_of(call), way)
        self._write_first_byte(flight, began)
        if way.name != "well" and self.world.fate.traits.stale:
            self.world.outage()
        self.host.step("send: first byte written")
        meanwhile()
        total = way.arrives + way.answers
        if NEVER in {way.arrives, way.answers} or total > READ_TIMEOUT:
            self.host.pause(READ_TIMEOUT)
        else:
            self.host.pause(total)
        self.host.step("send: waited")
        answer, sent = flight.answer, self._sent(call, sent_at)
        if answer is None or total > READ_TIMEOUT or way.answers == NEVER:
            self.host.tell("send: no answer")
            return upgrade_answer.unclear(sent, "no answer within the time")
        self.host.tell(f"send: {answer.status} {answer.body[:200].decode()}")
        self._witness_time(parsedate_to_datetime(answer.headers["date"]))
        return upgrade_answer.classified(sent, answer)

    def _write_first_byte(self, flight: Flight, began: int) -> None:
        now, name, way = self.host.timeline.now, flight.name, flight.way
        self.host.tell(f"send: first byte of {name} ({way.name}): {flight.call.instance_ids}")
        self.records.first_bytes.append(
            FirstByte(
                name,
                now,
                began,
                self.host.machine.offset,
                *self.standing(),
                flight.call.instance_ids,
                claimed_at=self.records.claimed_at.get(name, 0),
                stepped=self.host.machine.stepped_at >= began,
            )
        )
        if way.arrives != NEVER:
            self.host.timeline.call_at(now + way.arrives, lambda: self._arrive(flight))

    def _arrive(self, flight: Flight) -> None:
        answer = self.world.receive(flight.call, flight.name, flight.way.only_first)
        self.records.tell("cloud", f"{flight.name} arrives: {answer.status} {answer.body.decode()}")
        if answer.status == 202 and flight.way.only_first is None:
            self.records.answered.add(flight.name)
        flight.answer = flight.way.mangled(answer) if flight.way.mangled else answer

    def _sent(self, call: SignedCall, sent_at: datetime | None) -> upgrade_answer.Sent:
        return upgrade_answer.Sent(call.instance_ids, sent_at, self.host.now())

    @override
    def close(self) -> None:
        """Nothing is open."""
