"""What each answer proves: class, next state, and whether the cloud saw the call.

Every row goes over real HTTP, through the real adapter and a real lane, into a real database.
"""

import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fakes.fault_proxy import FaultProxy, Spoil
from fakes.real_lane import Lane, a_lane
from offpeakd import app
from offpeakd.adapters.sql.schema import ensure
from offpeakd.core.lane import Stop
from offpeakd.core.model import State
from offpeakd.core.verdicts import Code, Kind, Verdict
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.faults import Faults
from offpeakd.emulator.fleet import ORDINARY
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.emulator.rules import Rule

QUEUED, RUNNING, UNKNOWN = State.QUEUED, State.RUNNING, State.UNKNOWN
SHORT = timedelta(milliseconds=300)


@dataclass(frozen=True, slots=True)
class Row:
    """One observation.

    Attributes:
        name: in words.
        rule: of the cloud, if it is the cloud's doing.
        spoil: of the connection, if it is the network's.
        saw: calls that the cloud saw.
        outcome: of the call as a whole.
        states: of the two instances after it.
        stop: kind of the stop it leaves on the target.
    """

    name: str
    rule: Rule | None = None
    spoil: Spoil | None = None
    saw: int = 1
    outcome: str = "unclear"
    states: tuple[State, State] = (UNKNOWN, UNKNOWN)
    stop: str | None = None


def says(status: int, code: str | None = None) -> Rule:
    """The cloud answers the upgrade call so, and does nothing."""
    return Rule(do="answer", status=status, code=code)


def refused(status: int, code: str | None, stop: str | None) -> Row:
    """The gateway or the service refused the whole call."""
    name = f"{status} {code}" if code else f"{status}"
    return Row(name, says(status, code), None, 1, "refused", (QUEUED, QUEUED), stop)


def unclear(status: int, code: str | None = None) -> Row:
    """The work may go on behind it."""
    return Row(f"{status} {code or ''}".strip(), says(status, code))


def one_line(do: str, *states: State, code: str | None = None) -> Row:
    """A 202 in which the first instance's line is odd."""
    first, second = states
    outcome = "answered"
    name = f"202 {do} {code or ''}".strip()
    return Row(name, Rule(do=do, code=code), None, 1, outcome, (first, second))


ROWS = (
    # refused as a whole
    refused(401, "APIG.0301", "credentials"),
    refused(401, "APIGW.0301", "credentials"),
    refused(401, None, "credentials"),
    refused(403, "DBS.280032", "permission"),
    refused(403, "APIGW.0302", "permission"),
    refused(404, "APIGW.0101", "configuration"),
    refused(404, None, "configuration"),
    refused(405, None, "configuration"),
    refused(405, "APIGW.0501", "permission"),
    refused(413, "APIGW.0201", None),
    refused(414, None, None),
    refused(429, "APIGW.0308", "throttled"),
    refused(429, "DBS.280443", "throttled"),
    refused(503, "APIGW.0613", "unreachable"),
    refused(400, "DBS.280001", None),
    refused(400, "DBS.280110", None),
    refused(400, "DBS.280408", "configuration"),
    refused(400, "APIGW.0104", None),
    # line by line
    Row("202", None, None, 1, "answered", (RUNNING, RUNNING)),
    one_line("refuse-id", QUEUED, RUNNING, code="DBS.200019"),
    one_line("refuse-id", State.FAILED, RUNNING, code="DBS.280110"),
    one_line("refuse-id", State.SUCCEEDED, RUNNING, code="DBS.05000008"),
    one_line("missing-id", UNKNOWN, RUNNING),
    one_line("repeat-id", RUNNING, RUNNING),
    one_line("conflict-id", UNKNOWN, RUNNING),
    one_line("neither", UNKNOWN, RUNNING),
    one_line("both", UNKNOWN, RUNNING),
    one_line("foreign-id", RUNNING, RUNNING),
    # nothing is proved
    Row("202 without a body", Rule(do="empty-202")),
    Row("202 cut within the body", Rule(do="cut-202")),
    Row("202 with a page of HTML", Rule(do="html")),
    unclear(200),
    unclear(201),
    unclear(204),
    unclear(302),
    Row("307", Rule(do="redirect")),
    unclear(408),
    unclear(499, "DBS.200011"),
    unclear(500, "DBS.280005"),
    unclear(501),
    unclear(502, "APIGW.0201"),
    unclear(503),
    unclear(503, "APIGW.0999"),
    unclear(504),
    unclear(599),
    Row("500 after the work", Rule(do="do-then-500")),
    Row("504 after the work", Rule(do="do-then-504")),
    Row("500 after half of the work", Rule(do="half-then-500")),
    Row("read timeout", Rule(do="swallow")),
    Row("read timeout, nothing done", Rule(do="swallow-before")),
    Row("reset by the cloud", Rule(do="reset")),
    Row("end by the cloud", Rule(do="drop-before")),
    Row("reset on the way, before the cloud", None, Spoil.RESET_BEFORE, 0),
    Row("reset on the way, after the cloud", None, Spoil.RESET_AFTER),
    Row("end on the way, after the cloud", None, Spoil.END_AFTER),
    Row("answer swallowed on the way", None, Spoil.SWALLOWED),
    Row("answer cut on the way", None, Spoil.CUT),
    Row("a connection that leads nowhere", None, Spoil.BLACK_HOLE, 0),
    Row("late, but whole", None, Spoil.SLOW_ANSWER, 1, "answered", (RUNNING, RUNNING)),
    Row("a connection that is slow", None, Spoil.SLOW_CONNECT, 1, "answered", (RUNNING, RUNNING)),
)


@dataclass
class Site:
    """A cloud, a proxy in front of it, a lane behind that."""

    folder: Path
    empty: Path
    stack: ExitStack = field(default_factory=ExitStack)

    def build(self, *rules: Rule, instances: int = 2, **address: Any) -> None:
        """Put it up."""
        settings = EmulatorSettings(
            instances=instances,
            mix=ORDINARY,
            job_duration=timedelta(minutes=5),
            faults=Faults(rules),
        )
        enter = self.stack.enter_context
        self.cloud = enter(Emulator(settings, app.system_clock()))
        self.proxy = enter(FaultProxy(self.cloud.url, pause=0.05))
        url = f"sqlite:///{shutil.copy(self.empty, self.folder)}"
        address.setdefault("read_timeout", SHORT)
        self.lane: Lane = enter(a_lane(url, settings, self.proxy.url, **address))
        # The answer names the instances in the order of the call: the first one is the victim.
        self.ids = sorted(self.cloud.world.instances)
        self.lane.ask(*self.ids)

    @property
    def saw(self) -> int:
        return len(self.cloud.world.calls)

    def states(self) -> tuple[State, ...]:
        requests = self.lane.requests()
        return tuple(requests[one].state for one in self.ids)

    def stop_kinds(self) -> set[str]:
        return {stop.kind for stop in self.lane.stops()}

    def outcomes(self) -> set[str | None]:
        return {
            attempt.result.outcome
            for request in self.lane.requests().values()
            for attempt in self.lane.store.attempts(request.id)
        }


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with our schema and nothing in it."""
    file = tmp_path_factory.mktemp("empty") / "offpeakd.db"
    ensure(f"sqlite:///{file}")
    return file


@pytest.fixture
def site(tmp_path: Path, empty: Path) -> Iterator[Site]:
    made = Site(tmp_path, empty)
    with made.stack:
        yield made


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_an_answer_proves(site: Site, row: Row) -> None:
    site.build(*((row.rule,) if row.rule else ()))
    if row.spoil is not None:
        spoil = row.spoil
        site.lane.cloud.on_signed = lambda: site.proxy.arm(spoil)

    site.lane.run_once()

    assert site.saw == row.saw
    assert site.states() == row.states
    assert site.stop_kinds() == ({row.stop} if row.stop else set())
    assert max(site.cloud.world.starts.values(), default=0) <= 1


def test_what_nothing_proves_keeps_its_attempt_open(site: Site) -> None:
    site.build(Rule(do="do-then-500"))

    site.lane.run_once()

    assert site.outcomes() == {None}
    assert {one.submitted_at is None for one in site.lane.requests().values()} == {False}


def test_a_reset_on_connect_is_in_doubt_only_if_the_first_byte_was_tried(site: Site) -> None:
    """Whether the kernel reports the reset before or after the first write is its own affair."""
    site.build()
    site.lane.cloud.on_signed = lambda: site.proxy.arm(Spoil.RESET_ON_CONNECT)

    site.lane.run_once()

    assert site.saw == 0
    first, second = site.states()
    assert first is second
    assert first in {QUEUED, UNKNOWN}
    assert site.outcomes() == ({"not_sent"} if first is QUEUED else {None})
    assert site.stop_kinds() == ({"unreachable"} if first is QUEUED else set())


def test_a_closed_port_proves_the_call_unsent(site: Site) -> None:
    site.build()
    site.lane.cloud.on_signed = site.proxy.close_port

    site.lane.run_once()

    unsent(site, "unreachable")


def test_a_name_that_does_not_resolve_proves_nothing_sent(site: Site) -> None:
    """Here the look before the call fails already: nothing is even written down as an attempt."""
    site.build()
    with a_lane(site.lane.url, site.cloud.settings, "http://no-such-host.invalid:9") as lane:
        lane.run_once()

        assert site.saw == 0
        assert site.states() == (QUEUED, QUEUED)
        assert site.stop_kinds() == {"unreachable"}


def test_a_connection_that_nobody_takes_in_time_proves_the_call_unsent(site: Site) -> None:
    site.build(connect_timeout=timedelta(milliseconds=100))
    with ExitStack() as stack:
        port = stack.enter_context(socket.socket())
        port.bind(("127.0.0.1", 0))
        port.listen(0)
        # The queue of connections that wait to be taken is full: the kernel ignores further ones.
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(port.getsockname())
        full = f"http://127.0.0.1:{port.getsockname()[1]}"
        with a_lane(
            site.lane.url, site.cloud.settings, full, connect_timeout=timedelta(milliseconds=100)
        ) as lane:
            answer = lane.cloud.send(lane.cloud.sign_upgrade(site.ids), lambda: None)

    assert answer.result.outcome == "not_sent"
    assert answer.result.sent_at is None


def test_a_stop_between_the_decision_and_the_first_byte_is_a_veto(site: Site) -> None:
    site.build()
    site.lane.cloud.on_signed = site.lane.stopping.set

    site.lane.run_once()

    unsent(site, None)


def test_a_hold_that_comes_up_while_the_call_is_prepared_keeps_it_back(site: Site) -> None:
    """It is asked for before anything is written down, so that not even an attempt is."""
    site.build()
    skewed = Verdict(Code.CLOCK_SKEW, "the clock is wrong", Kind.PERSON)
    site.lane.cloud.on_signed = lambda: site.lane.holds.append(skewed)

    site.lane.run_once()

    assert site.saw == 0
    assert site.states() == (QUEUED, QUEUED)
    assert site.outcomes() == set()


def test_a_pause_between_the_decision_and_the_first_byte_is_a_veto(site: Site) -> None:
    site.build()
    lane = site.lane

    def pause() -> None:
        now = app.system_clock().now()
        lane.store.put_stop(Stop("*", "pause", "a release goes wrong", "kim", now))

    lane.cloud.on_signed = pause
    lane.run_once()

    unsent(site, "pause")


def unsent(site: Site, stop: str | None) -> None:
    """Nothing was sent: both are queued as before, and no try is spent."""
    assert site.saw == 0
    assert site.states() == (QUEUED, QUEUED)
    assert {one.attempts for one in site.lane.requests().values()} == {0}
    assert {one.resends for one in site.lane.requests().values()} == {0}
    assert site.outcomes() == {"not_sent"}
    assert site.stop_kinds() == ({stop} if stop else set())


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("DBS.280001", State.FAILED),
        ("DBS.280110", State.FAILED),
        ("DBS.05000008", State.SUCCEEDED),
        ("DBS.200019", QUEUED),
    ],
)
def test_a_refusal_of_a_lone_instance_is_about_that_instance(
    site: Site, code: str, state: State
) -> None:
    site.build(says(400, code), instances=1)

    site.lane.run_once()

    assert site.saw == 1
    assert site.states() == (state,)


def test_a_refused_batch_is_split_and_nothing_else_stands_in_its_way(site: Site) -> None:
    site.build(says(400, "DBS.280001"))

    site.lane.run_once()

    assert {one.cohort for one in site.lane.requests().values()} != {None}
    assert {one.attempts for one in site.lane.requests().values()} == {0}
