"""Tokens of IAM: fetched, kept, renewed ahead and after a refusal."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.dds_target import ONE, PROJECT, address_of, open_gate
from fakes.http_server import Drop, HttpServer, Received, Reply, Script, Step, answer, closed_port
from fakes.set_clock import SetClock
from offpeakd.adapters.huaweicloud.client import DdsCloud
from offpeakd.adapters.huaweicloud.credentials.authorizing import Credentials
from offpeakd.adapters.huaweicloud.credentials.opening import open_credentials
from offpeakd.adapters.huaweicloud.credentials.references import PasswordFile
from offpeakd.adapters.huaweicloud.transport import Call
from offpeakd.core.errors import (
    CloudDeniedError,
    CloudThrottledError,
    CloudUnreachableError,
    CredentialsError,
)

PASSWORD = 'canary "password" of mine'
LIFE = timedelta(hours=24)
DAY = {"issued_at": "2024-01-02T00:00:00.000000Z", "expires_at": "2024-01-03T00:00:00.000000Z"}
LIST = Call("GET", "/v3/x/instances")
STALE = answer(401, {"error_code": "APIGW.0307", "error_msg": "renew it"})


def token_reply(token: str, said: object | None = None) -> Reply:
    return answer(201, {"token": DAY if said is None else said}, X_Subject_Token=token)


def numbered(said: object | None = None) -> Script:
    """IAM: each fetch gives the next token, T-1, T-2 …"""
    given: list[Received] = []

    def script(request: Received) -> Step:
        given.append(request)
        return token_reply(f"T-{len(given)}", said)

    return script


@pytest.fixture
def reference(tmp_path: Path) -> PasswordFile:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n", encoding="utf-8")
    path.chmod(0o600)
    return PasswordFile("USER", "ACCOUNT", path, PROJECT)


def opened(reference: PasswordFile, url: str, clock: SetClock) -> Credentials:
    return open_credentials(reference, address_of(url), clock, {})


def token_of(credentials: Credentials) -> str:
    return credentials.authorize(LIST, {}).headers["X-Auth-Token"]


def test_a_token_is_asked_for_as_the_api_documents(reference: PasswordFile) -> None:
    with HttpServer(numbered()) as iam:
        credentials = opened(reference, iam.url, SetClock())
        token = token_of(credentials)
        credentials.close()

    (request,) = iam.received
    assert token == "T-1"
    assert (request.method, request.target) == ("POST", "/v3/auth/tokens?nocatalog=true")
    assert json.loads(request.body) == {
        "auth": {
            "identity": {
                "methods": ["password"],
                "password": {
                    "user": {
                        "name": "USER",
                        "password": PASSWORD,
                        "domain": {"name": "ACCOUNT"},
                    }
                },
            },
            "scope": {"project": {"id": PROJECT}},
        }
    }
    assert request.header("Authorization") is None
    assert not credentials.fenced


@pytest.mark.parametrize(
    ("age", "token"),
    [
        (timedelta(0), "T-1"),
        (LIFE * 0.8 - timedelta(seconds=1), "T-1"),
        (LIFE * 0.8, "T-2"),
        (LIFE, "T-2"),
        (LIFE * 3, "T-2"),
    ],
    ids=["at once", "just before 80 %", "at 80 %", "at its end", "long after"],
)
def test_a_token_is_renewed_ahead_of_its_end(
    reference: PasswordFile, age: timedelta, token: str
) -> None:
    with HttpServer(numbered()) as iam:
        clock = SetClock()
        credentials = opened(reference, iam.url, clock)
        token_of(credentials)
        clock.advance(age)

        assert token_of(credentials) == token
        credentials.close()


@pytest.mark.parametrize(
    ("said", "life"),
    [
        ({}, timedelta(hours=1)),
        ({"expires_at": "tomorrow"}, timedelta(hours=1)),
        (
            {"expires_at": "2024-01-02T00:00:00Z", "issued_at": "2024-01-02T00:00:00Z"},
            timedelta(hours=1),
        ),
        ({"expires_at": "2024-01-02T13:04:05.678Z"}, timedelta(hours=10)),
        ("text", timedelta(hours=1)),
    ],
    ids=["nothing", "unreadable", "no life", "no beginning", "no object"],
)
def test_a_token_without_a_stated_life_is_renewed_within_the_hour(
    reference: PasswordFile, said: object, life: timedelta
) -> None:
    with HttpServer(numbered(said)) as iam:
        clock = SetClock()
        credentials = opened(reference, iam.url, clock)
        token_of(credentials)
        clock.advance(life * 0.8 - timedelta(seconds=1))
        before = token_of(credentials)
        clock.advance(timedelta(seconds=2))
        after = token_of(credentials)
        credentials.close()

    assert (before, after) == ("T-1", "T-2")


def test_a_renewal_ahead_that_fails_leaves_the_token_in_use(reference: PasswordFile) -> None:
    steps: list[Step] = [token_reply("T-1"), Drop(), answer(500, {}), token_reply("T-2")]
    with HttpServer(lambda _: steps.pop(0)) as iam:
        clock = SetClock()
        credentials = opened(reference, iam.url, clock)
        token_of(credentials)
        clock.advance(LIFE * 0.8)
        tokens = [token_of(credentials), token_of(credentials)]
        clock.advance(timedelta(seconds=60))
        tokens.append(token_of(credentials))
        clock.advance(timedelta(seconds=60))
        tokens.append(token_of(credentials))
        credentials.close()

    assert tokens == ["T-1", "T-1", "T-1", "T-2"]
    assert len(iam.received) == 4


def test_a_token_that_has_ended_is_not_used_when_the_renewal_fails(
    reference: PasswordFile,
) -> None:
    steps: list[Step] = [token_reply("T-1"), Drop()]
    with HttpServer(lambda _: steps.pop(0)) as iam:
        clock = SetClock()
        credentials = opened(reference, iam.url, clock)
        token_of(credentials)
        clock.advance(LIFE)

        with pytest.raises(CloudUnreachableError, match="IAM gives no token"):
            token_of(credentials)
        credentials.close()


@pytest.mark.parametrize(
    ("age", "renewable", "token"),
    [
        (timedelta(seconds=59), False, "T-1"),
        (timedelta(seconds=60), True, "T-2"),
    ],
    ids=["just fetched", "older"],
)
def test_a_refused_token_is_fetched_anew_unless_it_is_new(
    reference: PasswordFile,
    age: timedelta,
    renewable: bool,
    token: str,
) -> None:
    with HttpServer(numbered()) as iam:
        clock = SetClock()
        credentials = opened(reference, iam.url, clock)
        token_of(credentials)
        clock.advance(age)

        assert credentials.renew() == renewable
        assert token_of(credentials) == token
        credentials.close()


def test_without_a_token_there_is_nothing_to_renew(reference: PasswordFile) -> None:
    credentials = opened(reference, "http://127.0.0.1:1", SetClock())

    assert not credentials.renew()
    credentials.close()


@pytest.mark.parametrize(
    "step",
    [
        answer(401, {"error": {"code": 401, "message": f"wrong: {PASSWORD}", "title": "x"}}),
        answer(403, {"error_code": "IAM.0001", "error_msg": json.dumps(PASSWORD)}),
        answer(400, {"error_code": "IAM.0011", "error_msg": "scope"}),
        answer(201, {"token": DAY}),
        Reply(302, b"", {"Location": "http://127.0.0.1:1/"}),
        Reply(200, b"<html>"),
    ],
    ids=["Keystone", "denied", "malformed", "no token", "redirect", "another service"],
)
def test_a_refusal_of_iam_names_the_user_and_never_the_password(
    reference: PasswordFile, step: Step
) -> None:
    with HttpServer(step) as iam:
        credentials = opened(reference, iam.url, SetClock())
        with pytest.raises(CredentialsError) as caught:
            token_of(credentials)
        credentials.close()

    assert caught.value.message.startswith(
        "target prod-eu: IAM gives no token to user USER of ACCOUNT: "
    )
    assert str(reference.password_file) in caught.value.fix
    assert "canary" not in f"{caught.value!r} {caught.value}"
    assert len(iam.received) == 1


def test_a_throttled_iam_tells_when_to_come_back(reference: PasswordFile) -> None:
    step = answer(429, {"error_code": "APIGW.0308", "error_msg": "m"}, Retry_After="30")
    with HttpServer(step) as iam:
        credentials = opened(reference, iam.url, SetClock())
        with pytest.raises(CloudThrottledError) as caught:
            token_of(credentials)
        credentials.close()

    assert caught.value.retry_after == timedelta(seconds=30)


def test_an_iam_that_is_away_is_named(reference: PasswordFile) -> None:
    credentials = opened(reference, f"http://127.0.0.1:{closed_port()}", SetClock())

    with pytest.raises(CloudUnreachableError, match=r"IAM gives no token: .*Connection refused"):
        token_of(credentials)
    credentials.close()


def test_a_missing_password_is_a_matter_of_credentials(tmp_path: Path) -> None:
    credentials = opened(
        PasswordFile("USER", "ACCOUNT", tmp_path / "none", PROJECT),
        "http://127.0.0.1:1",
        SetClock(),
    )

    with pytest.raises(CredentialsError, match="none: password: the file does not exist"):
        token_of(credentials)
    credentials.close()


def two_services(dds: Step, token: str) -> Script:
    """IAM gives T-1, T-2 …; DDS answers 200 to one token and `dds` to any other."""
    iam = numbered()

    def script(request: Received) -> Step:
        if request.target.startswith("/v3/auth/tokens"):
            return iam(request)
        fits = request.header("X-Auth-Token") == token
        return answer(200, {"instances": []}) if fits else dds

    return script


def test_a_read_with_a_stale_token_is_made_once_more_with_a_new_one(
    reference: PasswordFile,
) -> None:
    with HttpServer(two_services(STALE, "T-2")) as server:
        clock = SetClock()
        cloud = DdsCloud(address_of(server.url), opened(reference, server.url, clock), clock)
        cloud.sign_upgrade([ONE])
        clock.advance(timedelta(hours=1))

        assert cloud.list_instances() == ()
        cloud.close()

    assert len(server.received) == 4


def test_a_read_with_a_token_that_stays_refused_is_denied(reference: PasswordFile) -> None:
    with HttpServer(two_services(STALE, "never")) as server:
        clock = SetClock()
        cloud = DdsCloud(address_of(server.url), opened(reference, server.url, clock), clock)
        cloud.sign_upgrade([ONE])
        clock.advance(timedelta(hours=1))
        with pytest.raises(CloudDeniedError) as caught:
            cloud.list_instances()
        cloud.close()

    assert caught.value.code == "APIGW.0307"
    assert len(server.received) == 4


@pytest.mark.parametrize(
    ("code", "renewable"),
    [("APIGW.0307", True), ("APIGW.0301", True), ("DBS.280056", True), ("DBS.280064", False)],
)
def test_an_upgrade_call_with_a_stale_token_is_refused_once_and_tells_so(
    reference: PasswordFile,
    code: str,
    renewable: bool,
) -> None:
    refusal = answer(401, {"error_code": code, "error_msg": "m"})
    with HttpServer(two_services(refusal, "T-2")) as server:
        clock = SetClock()
        cloud = DdsCloud(address_of(server.url), opened(reference, server.url, clock), clock)
        call = cloud.sign_upgrade([ONE])
        clock.advance(timedelta(hours=1))
        said = cloud.send(call, open_gate)
        again = cloud.sign_upgrade([ONE])
        cloud.close()

    posts = [request for request in server.received if request.target.endswith("/db-upgrade")]
    assert len(posts) == 1
    assert said.renewable == renewable
    assert said.result.outcome == "refused"
    assert again.headers["X-Auth-Token"] == ("T-2" if renewable else "T-1")
    assert not again.fenced
