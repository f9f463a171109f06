"""Temporary keys of a server's agency."""

from datetime import timedelta

import pytest

from fakes.dds_target import address_of
from fakes.http_server import (
    HttpServer,
    Received,
    Reply,
    Script,
    Step,
    answer,
    closed_port,
    targets,
)
from fakes.set_clock import SetClock
from offpeakd.adapters.huaweicloud.credentials.authorizing import Credentials
from offpeakd.adapters.huaweicloud.credentials.opening import open_credentials
from offpeakd.adapters.huaweicloud.credentials.references import EcsAgency
from offpeakd.adapters.huaweicloud.transport import Call
from offpeakd.core.errors import CredentialsError

SESSION = Reply(200, b"a-session")
TOKEN_PATH = "PUT /meta-data/latest/api/token"
KEY_PATH = "GET /openstack/latest/securitykey"
LIST = Call("GET", "/v3/x/instances")


def key(access: str = "AK-1", expires_at: str = "2024-01-02T05:04:05.678000Z") -> Reply:
    parts = {"access": access, "secret": "canary-secret", "securitytoken": "canary-token"}
    return answer(200, {"credential": parts | {"expires_at": expires_at}})


def service(session: Step = SESSION, *keys: Step) -> Script:
    left = list(keys or [key()])

    def script(request: Received) -> Step:
        if request.method == "PUT":
            return session
        return left.pop(0) if len(left) > 1 else left[0]

    return script


def opened(url: str, clock: SetClock | None = None) -> Credentials:
    return open_credentials(EcsAgency(url), address_of(url), clock or SetClock(), {})


def access_of(credentials: Credentials) -> str:
    authorization = credentials.authorize(LIST, {"Host": "x"}).headers["Authorization"]
    return authorization.partition("Access=")[2].partition(",")[0]


def test_a_key_is_fetched_within_a_session_and_signs() -> None:
    with HttpServer(service()) as metadata:
        credentials = opened(metadata.url)
        headers = credentials.authorize(LIST, {"Host": "x"}).headers
        credentials.close()

    opening, asking = metadata.received
    assert targets(metadata.received) == [TOKEN_PATH, KEY_PATH]
    assert opening.header("X-Metadata-Token-Ttl-Seconds") == "21600"
    assert asking.header("X-Metadata-Token") == "a-session"
    assert headers["X-Security-Token"] == "canary-token"
    assert "Access=AK-1, " in headers["Authorization"]
    assert credentials.fenced


@pytest.mark.parametrize("status", [404, 405, 503])
def test_a_service_without_sessions_is_asked_without_one(status: int) -> None:
    with HttpServer(service(Reply(status))) as metadata:
        credentials = opened(metadata.url)

        assert access_of(credentials) == "AK-1"
        credentials.close()

    assert metadata.received[1].header("X-Metadata-Token") is None


@pytest.mark.parametrize(
    ("age", "access"),
    [
        (timedelta(minutes=79, seconds=59), "AK-1"),
        (timedelta(minutes=80), "AK-2"),
        (timedelta(hours=3), "AK-2"),
    ],
    ids=["just over 40 minutes left", "40 minutes left", "none left"],
)
def test_a_key_is_renewed_when_forty_minutes_are_left(age: timedelta, access: str) -> None:
    with HttpServer(service(SESSION, key("AK-1"), key("AK-2"))) as metadata:
        clock = SetClock()
        credentials = opened(metadata.url, clock)
        access_of(credentials)
        clock.advance(age)

        assert access_of(credentials) == access
        credentials.close()


def test_the_life_of_a_key_is_counted_by_the_services_clock() -> None:
    first = key("AK-1", "2030-01-01T02:00:00.000000Z")
    dated = Reply(200, first.body, {"Date": "Tue, 01 Jan 2030 00:00:00 GMT"})
    with HttpServer(service(SESSION, dated, key("AK-2"))) as metadata:
        clock = SetClock()
        credentials = opened(metadata.url, clock)
        access_of(credentials)
        clock.advance(timedelta(minutes=80))

        assert access_of(credentials) == "AK-2"
        credentials.close()


@pytest.mark.parametrize("expires_at", ["", "soon"], ids=["unsaid", "unreadable"])
def test_a_key_of_untold_life_is_renewed_soon(expires_at: str) -> None:
    with HttpServer(service(SESSION, key("AK-1", expires_at), key("AK-2"))) as metadata:
        clock = SetClock()
        credentials = opened(metadata.url, clock)
        access_of(credentials)
        clock.advance(timedelta(minutes=20))

        assert access_of(credentials) == "AK-2"
        credentials.close()


def test_a_refused_key_is_fetched_anew() -> None:
    with HttpServer(service(SESSION, key("AK-1"), key("AK-2"))) as metadata:
        clock = SetClock()
        credentials = opened(metadata.url, clock)
        access_of(credentials)
        clock.advance(timedelta(minutes=2))

        assert credentials.renew()
        assert access_of(credentials) == "AK-2"
        credentials.close()


def test_a_session_that_ended_is_opened_once_more() -> None:
    with HttpServer(service(SESSION, Reply(401), key())) as metadata:
        credentials = opened(metadata.url)

        assert access_of(credentials) == "AK-1"
        credentials.close()

    assert targets(metadata.received) == [TOKEN_PATH, KEY_PATH, TOKEN_PATH, KEY_PATH]


@pytest.mark.parametrize(
    ("session", "answered", "what"),
    [
        (Reply(500), key(), "the metadata service opens no session: it answers 500"),
        (Reply(200, b"<html> x"), key(), "the metadata service opens no session: it answers 200"),
        (Reply(200, b""), key(), "the metadata service opens no session: it answers 200"),
        (SESSION, Reply(401), "the metadata service gives no key: it answers 401"),
        (SESSION, Reply(404), "the metadata service gives no key: it answers 404"),
        (SESSION, Reply(302), "the metadata service gives no key: it answers 302"),
        (SESSION, Reply(200, b"?"), "the metadata service gives an incomplete key"),
        (SESSION, answer(200, {"credential": {"access": "a"}}), "gives an incomplete key"),
        (
            SESSION,
            answer(200, {"credential": {"access": "a\n", "secret": "b", "securitytoken": "c"}}),
            "the metadata service gives an incomplete key",
        ),
    ],
)
def test_a_server_without_an_agency_is_told_how_to_get_one(
    session: Step, answered: Step, what: str
) -> None:
    with HttpServer(service(session, answered)) as metadata:
        credentials = opened(metadata.url)
        with pytest.raises(CredentialsError) as caught:
            access_of(credentials)
        credentials.close()

    assert what in caught.value.message
    assert caught.value.fix.startswith("Give this server an agency that may use DDS")


def test_elsewhere_there_is_no_such_service() -> None:
    credentials = opened(f"http://127.0.0.1:{closed_port()}")

    with pytest.raises(CredentialsError, match="the metadata service does not answer"):
        access_of(credentials)
    credentials.close()
