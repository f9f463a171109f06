"""A key that the cloud refuses is spared: at most three refusals in any five minutes."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from fakes.dds_target import ONE, cloud_at, open_gate
from fakes.http_server import HttpServer, Reply, answer
from fakes.set_clock import SetClock
from offpeakd.adapters.clock import SystemClock
from offpeakd.adapters.huaweicloud.answers import Answer
from offpeakd.adapters.huaweicloud.client import DdsCloud
from offpeakd.adapters.huaweicloud.refused_keys import (
    MOST,
    PROVED_FOR,
    SPAN,
    KeySparedError,
    RefusedKeys,
)
from offpeakd.adapters.huaweicloud.transport import CallFailedError
from offpeakd.core.errors import CloudDeniedError, CloudUnreachableError
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.options import EmulatorSettings

TICK = timedelta(microseconds=1)
MINE = {"Authorization": "SDK-HMAC-SHA256 Access=MINE, SignedHeaders=host, Signature=00"}
OTHER = {"Authorization": "SDK-HMAC-SHA256 Access=OTHER, SignedHeaders=host, Signature=00"}
TOKEN = {"X-Auth-Token": "first"}
REFUSED = Answer(401, {}, b"")
ACCEPTED = Answer(200, {}, b"{}")


def refuse(keys: RefusedKeys, headers: dict[str, str] = MINE) -> None:
    keys.make(headers, lambda: REFUSED)


def is_spared(keys: RefusedKeys, headers: dict[str, str] = MINE) -> bool:
    try:
        keys.make(headers, lambda: ACCEPTED)
    except KeySparedError:
        return True
    return False


def test_the_fourth_call_is_not_made() -> None:
    keys = RefusedKeys(SetClock())
    for _ in range(MOST):
        refuse(keys)

    with pytest.raises(KeySparedError, match="spared for 300 s") as caught:
        keys.make(MINE, lambda: pytest.fail("the call was made"))
    assert caught.value.refused
    assert caught.value.wait == SPAN


@pytest.mark.parametrize(
    ("span", "spared"),
    [(SPAN - TICK, True), (SPAN, False), (SPAN + TICK, False)],
    ids=["just before", "at", "just after"],
)
def test_refusals_are_forgotten_after_five_minutes(span: timedelta, *, spared: bool) -> None:
    clock = SetClock()
    keys = RefusedKeys(clock)
    for _ in range(MOST):
        refuse(keys)
    clock.advance(span)

    assert is_spared(keys) == spared


def test_a_call_that_is_accepted_in_between_forgives_nothing() -> None:
    keys = RefusedKeys(SetClock())
    for _ in range(MOST):
        keys.make(MINE, lambda: ACCEPTED)
        refuse(keys)

    assert is_spared(keys)


def test_another_key_and_a_newer_token_are_of_their_own() -> None:
    keys = RefusedKeys(SetClock())
    for headers in (MINE, TOKEN):
        for _ in range(MOST):
            refuse(keys, headers)

    assert is_spared(keys)
    assert is_spared(keys, TOKEN)
    assert not is_spared(keys, OTHER)
    assert not is_spared(keys, {"X-Auth-Token": "second"})


def test_a_refusal_counts_though_its_body_breaks_off() -> None:
    keys = RefusedKeys(SetClock())

    def cut() -> Answer:
        raise CallFailedError("cut", REFUSED)

    for _ in range(MOST):
        with pytest.raises(CallFailedError):
            keys.make(MINE, cut)

    assert is_spared(keys)


def test_a_call_without_an_answer_proves_nothing() -> None:
    keys = RefusedKeys(SetClock())

    def lost() -> Answer:
        raise CallFailedError("no connection")

    for _ in range(3 * MOST):
        with pytest.raises(CallFailedError):
            keys.make(MINE, lost)

    assert not is_spared(keys)


class Pending:
    """Calls that wait for their answer."""

    def __init__(self, keys: RefusedKeys, number: int) -> None:
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)
        self._pool = ThreadPoolExecutor(number)
        self.calls = [self._pool.submit(keys.make, MINE, self._call) for _ in range(number)]

    def _call(self) -> Answer:
        self.begun.release()
        assert self.go.wait(20)
        return ACCEPTED

    def await_begun(self, number: int) -> bool:
        return all(self.begun.acquire(timeout=10) for _ in range(number))

    def finish(self) -> None:
        self.go.set()
        self._pool.shutdown()


@pytest.fixture
def pending() -> Iterator[list[Pending]]:
    made: list[Pending] = []
    yield made
    for one in made:
        one.finish()


def test_calls_in_flight_count_while_nothing_proves_the_key(pending: list[Pending]) -> None:
    clock = SetClock(step=timedelta(seconds=11))
    keys = RefusedKeys(clock)
    pending.append(Pending(keys, MOST))
    assert pending[0].await_begun(MOST)

    with pytest.raises(KeySparedError, match="no answer yet") as caught:
        keys.make(MINE, lambda: ACCEPTED)
    assert not caught.value.refused


def test_a_call_waits_for_those_in_flight_and_goes_when_one_is_accepted(
    pending: list[Pending],
) -> None:
    keys = RefusedKeys(SystemClock())
    pending.append(Pending(keys, MOST + 5))
    assert pending[0].await_begun(MOST)
    assert not pending[0].begun.acquire(timeout=0.2)

    pending[0].go.set()
    assert [one.result(20) for one in pending[0].calls] == [ACCEPTED] * (MOST + 5)


@pytest.mark.parametrize(
    ("span", "at_once"), [(PROVED_FOR - TICK, 8), (PROVED_FOR, MOST)], ids=["just before", "at"]
)
def test_a_key_accepted_lately_is_used_by_many_at_once(
    pending: list[Pending], span: timedelta, at_once: int
) -> None:
    clock = SetClock()
    keys = RefusedKeys(clock)
    keys.make(MINE, lambda: ACCEPTED)
    clock.advance(span)
    pending.append(Pending(keys, 8))

    assert pending[0].await_begun(at_once)
    assert pending[0].begun.acquire(timeout=0.1) is False


# ------------------------------------------------------------------ over real connections


def test_many_threads_with_a_wrong_key_are_refused_three_times_together() -> None:
    clock = SystemClock()
    with Emulator(EmulatorSettings(instances=1), clock) as server:
        keys = RefusedKeys(clock)
        wrong = {"HUAWEICLOUD_SDK_AK": "WRONG", "HUAWEICLOUD_SDK_SK": "WRONG-SECRET-WRONG"}
        clouds = [_cloud(server.url, keys, wrong) for _ in range(2)]
        errands = [
            lambda cloud: cloud.list_instances(),
            lambda cloud: cloud.find_job("e4616470-733d-41de-a9b0-a260709293d3"),
            lambda cloud: cloud.list_jobs(clock.now(), clock.now(), 0),
            lambda cloud: cloud.send(cloud.sign_upgrade([ONE]), open_gate),
        ]
        with ThreadPoolExecutor(16) as pool:
            done = [
                pool.submit(errand, cloud)
                for _ in range(4)
                for cloud in clouds
                for errand in errands
            ]
        failures = [one.exception() for one in done]
        for cloud in clouds:
            cloud.close()

        assert {type(one) for one in failures} == {CloudDeniedError, type(None)}
        assert sum("401" in str(one) for one in failures) <= MOST
        outcomes = [one.result().result for one in done if one.exception() is None]
        answered = sum(one.http_status == 401 for one in outcomes)
        assert answered + sum("401" in str(one) for one in failures) == MOST


def _cloud(url: str, keys: RefusedKeys, environ: dict[str, str]) -> DdsCloud:
    from fakes.dds_target import address_of
    from offpeakd.adapters.huaweicloud.credentials.opening import open_credentials
    from offpeakd.adapters.huaweicloud.credentials.references import EnvironmentKeys

    address, clock = address_of(url, requests_per_minute=600), SystemClock()
    opened = open_credentials(EnvironmentKeys(), address, clock, environ)
    return DdsCloud(address, opened, clock, keys=keys)


def test_an_upgrade_call_with_a_spared_key_is_not_sent_and_told_when() -> None:
    with HttpServer(Reply(401, b'{"error_code": "APIGW.0301", "error_msg": "m"}')) as server:
        cloud = cloud_at(server.url)
        for _ in range(MOST):
            cloud.send(cloud.sign_upgrade([ONE]), open_gate)
        said = cloud.send(cloud.sign_upgrade([ONE]), open_gate)
        cloud.close()

    assert len(server.received) == MOST
    assert said.result.outcome == "not_sent"
    assert said.retry_after == SPAN
    assert "spared" in (said.result.message or "")


def test_a_read_with_a_spared_key_is_denied_without_a_call() -> None:
    with HttpServer(Reply(401, b'{"error_code": "APIGW.0301", "error_msg": "m"}')) as server:
        cloud = cloud_at(server.url)
        said: list[str] = []
        for _ in range(MOST + 3):
            with pytest.raises(CloudDeniedError) as caught:
                cloud.list_instances()
            said.append(str(caught.value))
        cloud.close()

    assert len(server.received) == MOST
    assert "can't list instances: the cloud refused this key" in said[-1]


def test_a_read_that_waits_too_long_for_others_says_so() -> None:
    clock = SetClock(step=timedelta(seconds=3))
    keys = RefusedKeys(clock)
    with HttpServer(answer(200, {"instances": []})) as server:
        cloud = cloud_at(server.url, clock, keys=keys)
        held = threading.Event()
        begun = threading.Semaphore(0)

        def call() -> Answer:
            begun.release()
            assert held.wait(20)
            return ACCEPTED

        headers = cloud.sign_upgrade([ONE]).headers
        with ThreadPoolExecutor(MOST) as pool:
            for _ in range(MOST):
                pool.submit(keys.make, headers, call)
            for _ in range(MOST):
                assert begun.acquire(timeout=10)
            with pytest.raises(CloudUnreachableError, match="no answer yet"):
                cloud.list_instances()
            held.set()
        cloud.close()
