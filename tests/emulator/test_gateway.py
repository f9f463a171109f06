"""Who is let in: keys, dates, tokens, projects, numbers of calls."""

import json
from collections.abc import Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fakes.emulated_calls import Caller
from fakes.set_clock import START, SetClock
from offpeakd.emulator import AccessKey, Emulator, EmulatorSettings
from offpeakd.emulator.verify import Arrived, canonical_request, signature

VECTORS = json.loads(
    (Path(__file__).parents[1] / "adapters" / "wire" / "signing_vectors.json").read_text()
)["vectors"]
SIGNED_BODIES = [
    vector
    for vector in VECTORS
    if "x-sdk-content-sha256" not in {name.lower() for name in vector["headers"]}
]
"""Without the one of a body that isn't signed, which no call of this API has."""


@pytest.mark.parametrize("vector", SIGNED_BODIES, ids=lambda vector: vector["name"])
def test_signatures_are_computed_as_the_official_signer_does(vector: dict[str, Any]) -> None:
    expected = vector["expected"]
    path, _, query = expected["request_target"].partition("?")
    headers = {name.lower(): value for name, value in vector["headers"].items()}
    call = Arrived(vector["method"], path, query, headers, vector["body"].encode())

    canonical = canonical_request(call, ";".join(expected["signed_headers"]))

    assert canonical == expected["canonical_request"]
    assert signature(vector["sk"], headers["x-sdk-date"], canonical) == expected["signature"]


MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
LIMIT = 15 * MINUTE
SIGNED = START.replace(microsecond=0)


@pytest.mark.parametrize(
    ("skew", "status"),
    [
        (-LIMIT - SECOND, 401),
        (-LIMIT + SECOND, 200),
        (timedelta(0), 200),
        (LIMIT, 200),
        (LIMIT + SECOND, 401),
    ],
    ids=["too old", "old", "now", "ahead", "too far ahead"],
)
def test_a_signature_is_good_for_fifteen_minutes(
    caller: Caller, skew: timedelta, status: int
) -> None:
    target = f"/v3/{caller.project}/instances"

    answer = caller.ask("GET", target, signed_at=SIGNED + skew)

    assert answer.status == status
    if status == 401:
        assert answer.code == "APIGW.0301"
        assert "expired" in answer.document["error_msg"]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"Authorization": "Basic Zm9v"}, "malformed"),
        ({"Authorization": ""}, "malformed"),
        (
            {
                "Authorization": "SDK-HMAC-SHA256 Access=SOMEBODY, SignedHeaders=x-sdk-date, "
                f"Signature={'0' * 64}"
            },
            "the AK does not exist",
        ),
        (
            {
                "Authorization": "SDK-HMAC-SHA256 Access=EMULATED-ACCESS-KEY, SignedHeaders=host, "
                f"Signature={'0' * 64}"
            },
            "a signed header is missing",
        ),
        (
            {
                "Authorization": "SDK-HMAC-SHA256 Access=EMULATED-ACCESS-KEY, "
                f"SignedHeaders=x-absent;x-sdk-date, Signature={'0' * 64}"
            },
            "a signed header is missing",
        ),
        ({"X-Sdk-Date": "2024-01-02"}, "X-Sdk-Date is malformed"),
        ({"X-Security-Token": "stray"}, "security token"),
    ],
    ids=[
        "another scheme",
        "no scheme",
        "unknown key",
        "date not signed",
        "absent header signed",
        "malformed date",
        "stray security token",
    ],
)
def test_what_is_wrong_with_a_signature_is_said(
    caller: Caller, changed: dict[str, str], why: str
) -> None:
    answer = caller.ask("GET", f"/v3/{caller.project}/instances", more=changed)

    assert (answer.status, answer.code) == (401, "APIGW.0301")
    assert why in answer.document["error_msg"]
    assert answer.document["request_id"] == answer.headers["X-Request-Id"]


def test_five_bad_signatures_in_a_row_do_not_lock_the_key(caller: Caller) -> None:
    good, caller.secret = caller.secret, "wrong"
    for _ in range(5):
        assert caller.dds("GET", "instances").status == 401
    caller.secret = good

    assert caller.dds("GET", "instances").status == 200


def test_six_bad_signatures_in_a_row_lock_the_key_for_five_minutes(
    caller: Caller, clock: SetClock
) -> None:
    good, caller.secret = caller.secret, "wrong"
    for _ in range(6):
        caller.dds("GET", "instances")
    caller.secret = good

    answers = []
    for pause in (timedelta(0), 5 * MINUTE - SECOND, SECOND):
        clock.advance(pause)
        answers.append(caller.dds("GET", "instances"))

    assert [answer.status for answer in answers] == [401, 401, 200]
    assert "locked" in answers[0].document["error_msg"]


def test_a_good_signature_between_bad_ones_forgets_them(caller: Caller) -> None:
    good = caller.secret
    answers = []
    for secret in ("wrong",) * 5 + (good,) + ("wrong",) * 5 + (good,):
        caller.secret = secret
        answers.append(caller.dds("GET", "instances"))

    assert answers[-1].status == 200


def test_a_rotated_key_counts_at_once(caller: Caller, cloud: Emulator) -> None:
    cloud.use_key(AccessKey(cloud.settings.access_key, "another"))
    old = caller.dds("GET", "instances")
    caller.secret = "another"
    new = caller.dds("GET", "instances")

    assert (old.status, new.status) == (401, 200)


def test_another_project_is_refused(caller: Caller) -> None:
    caller.project = "f" * 32

    answer = caller.dds("GET", "instances")

    assert (answer.status, answer.code) == (403, "APIGW.0310")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("DELETE", "/v3/0123456789abcdef0123456789abcdef/instances"),
        ("GET", "/v4/0123456789abcdef0123456789abcdef/instances"),
    ],
    ids=["no path", "another method", "another version"],
)
def test_what_no_api_is_answers_404(caller: Caller, method: str, path: str) -> None:
    answer = caller.ask(method, path)

    assert (answer.status, answer.code) == (404, "APIGW.0101")


def test_every_answer_bears_an_id_and_the_clouds_time(caller: Caller) -> None:
    answers = [caller.dds("GET", "instances"), caller.ask("GET", "/nowhere")]

    assert len({answer.headers["X-Request-Id"] for answer in answers}) == 2
    for answer in answers:
        assert parsedate_to_datetime(answer.headers["Date"]) == SIGNED


@pytest.fixture
def temporary_key(clock: SetClock) -> Iterator[Caller]:
    settings = EmulatorSettings(instances=1, security_token="good")
    with Emulator(settings, clock) as cloud:
        caller = Caller(cloud, clock)
        yield caller
        caller.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [({"X-Security-Token": "good"}, 200), ({"X-Security-Token": "bad"}, 401), ({}, 401)],
    ids=["its own", "another", "none"],
)
def test_a_temporary_key_needs_its_security_token(
    temporary_key: Caller, sent: dict[str, str], status: int
) -> None:
    answer = temporary_key.ask("GET", f"/v3/{temporary_key.project}/instances", more=sent)

    assert answer.status == status


def test_more_calls_than_allowed_in_a_minute_are_throttled(clock: SetClock) -> None:
    with Emulator(EmulatorSettings(instances=1, requests_per_minute=2), clock) as cloud:
        caller = Caller(cloud, clock)

        statuses = []
        for pause in (timedelta(0), 30 * SECOND, timedelta(0), 30 * SECOND, timedelta(0)):
            clock.advance(pause)
            statuses.append(caller.dds("GET", "instances").status)
        caller.close()

    assert statuses == [200, 200, 429, 200, 429]


# ------------------------------------------------------------------------------ tokens


def test_a_token_opens_the_door_for_a_day(caller: Caller, clock: SetClock) -> None:
    answer = caller.log_in()

    statuses = []
    for pause in (timedelta(0), timedelta(hours=24) - SECOND, SECOND):
        clock.advance(pause)
        statuses.append(caller.dds("GET", "instances"))

    assert answer.status == 201
    assert answer.document["token"]["expires_at"] == "2024-01-03T03:04:05.678000Z"
    assert [one.status for one in statuses] == [200, 200, 401]
    assert statuses[-1].code == "APIGW.0307"


def test_a_new_token_leaves_the_old_one_good(caller: Caller) -> None:
    caller.log_in()
    first = caller.token
    caller.log_in()
    second, caller.token = caller.token, first

    assert first != second
    assert caller.dds("GET", "instances").status == 200


def test_revoked_tokens_are_worthless(caller: Caller, cloud: Emulator) -> None:
    caller.log_in()
    cloud.revoke_tokens()

    answer = caller.dds("GET", "instances")

    assert (answer.status, answer.code) == (401, "APIGW.0307")


@pytest.mark.parametrize(
    "changes",
    [{"password": "wrong"}, {"name": "SOMEBODY"}, {"domain": {"name": "ELSEWHERE"}}],
    ids=["password", "user", "account"],
)
def test_a_wrong_login_is_refused_as_iam_does(caller: Caller, changes: dict[str, object]) -> None:
    answer = caller.log_in(**changes)

    assert answer.status == 401
    assert answer.document["error"]["code"] == 401
    assert answer.document["error"]["title"] == "Unauthorized"
    assert answer.headers["X-IAM-Trace-Id"]
    assert caller.token is None


IDENTITY = {
    "methods": ["password"],
    "password": {
        "user": {
            "name": "EMULATED-USER",
            "password": "emulated-password",
            "domain": {"name": "EMULATED-ACCOUNT"},
        }
    },
}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        ([], 400),
        ({}, 400),
        ({"auth": {"identity": {**IDENTITY, "methods": ["totp"]}}}, 400),
        ({"auth": {"identity": IDENTITY}}, 400),
        ({"auth": {"identity": IDENTITY, "scope": {"project": {"id": "f" * 32}}}}, 401),
    ],
    ids=["no JSON", "a list", "nothing in it", "another method", "no scope", "another project"],
)
def test_a_login_that_cannot_be_is_refused(caller: Caller, body: object, status: int) -> None:
    answer = caller.ask("POST", "/v3/auth/tokens", body)

    assert (answer.status, answer.document["error"]["code"]) == (status, status)


@pytest.mark.parametrize(
    ("name", "found"), [("eu-west-101", 1), ("cn-north-4", 0)], ids=["its region", "another"]
)
def test_the_project_of_a_region_is_found_by_its_name(
    caller: Caller, name: str, found: int
) -> None:
    answer = caller.ask("GET", f"/v3/projects?name={quote(name)}")

    projects = answer.document["projects"]
    assert [project["id"] for project in projects] == [caller.project] * found
