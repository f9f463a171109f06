"""Our requests beside those of the official SDK, and the way they travel."""

import hashlib
import hmac
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

from fakes.dds_target import AK, KEYS, ONE, SK, TWO, cloud_at, open_gate
from fakes.http_server import HttpServer, Received, Reply, answer
from fakes.set_clock import SetClock
from offpeakd import __version__
from offpeakd.adapters.huaweicloud.client import DdsCloud
from offpeakd.core.errors import CloudUnreachableError, ConfigurationError

if TYPE_CHECKING:
    from offpeakd.ports import Cloud

WIRE = Path(__file__).with_name("wire")
CAPTURED: dict[str, dict[str, Any]] = {
    request["label"]: request
    for request in json.loads((WIRE / "captured_requests.json").read_text(encoding="utf-8"))[
        "requests"
    ]
}
AT = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
EMPTY = answer(200, {"instances": [], "jobs": [], "strategies": []})
JOB = "e4616470-733d-41de-a9b0-a260709293d3"


def upgrade(cloud: DdsCloud) -> object:
    return cloud.send(cloud.sign_upgrade([ONE, TWO]), open_gate)


def list_jobs(cloud: DdsCloud) -> object:
    return cloud.list_jobs(datetime(2024, 1, 2, tzinfo=UTC), datetime(2024, 1, 2, 6, tzinfo=UTC), 0)


CALLS: list[tuple[str, Callable[[DdsCloud], object]]] = [
    ("BatchUpgradeDatabaseVersion", upgrade),
    ("BatchUpgradeDatabaseVersion with temporary credentials", upgrade),
    ("ShowJobDetail", lambda cloud: cloud.find_job(JOB)),
    ("ListTasks (v3.1)", list_jobs),
    ("ShowUpgradeDuration", lambda cloud: cloud.upgrade_minutes(ONE)),
]


def sent(use: Callable[[DdsCloud], object], environ: dict[str, str] = KEYS) -> Received:
    with HttpServer(EMPTY) as server:
        cloud = cloud_at(server.url, SetClock(AT), environ=environ)
        use(cloud)
        cloud.close()
    (request,) = server.received
    return request


def signed_names(authorization: str | None) -> list[str]:
    assert authorization is not None
    return authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")


@pytest.mark.parametrize(("label", "use"), CALLS, ids=[label for label, _ in CALLS])
def test_our_request_is_the_one_of_the_official_sdk(
    label: str, use: Callable[[DdsCloud], object]
) -> None:
    theirs = CAPTURED[label]
    headers = {name.lower(): value for name, value in theirs["headers"]}
    token = headers.get("x-security-token")
    ours = sent(use, KEYS | ({"HUAWEICLOUD_SDK_SECURITY_TOKEN": token} if token else {}))

    assert (ours.method, ours.target, ours.body) == (
        theirs["method"],
        theirs["target"],
        theirs["body"].encode(),
    )
    assert signed_names(ours.header("Authorization")) == signed_names(headers["authorization"])
    for name in ("content-type", "x-project-id", "x-sdk-date", "x-security-token"):
        assert ours.header(name) == headers.get(name)


def test_filters_of_a_listing_are_escaped_as_the_official_sdk_escapes_them() -> None:
    from offpeakd.adapters.huaweicloud.signing import request_target

    theirs = CAPTURED["ListInstances, every filter"]["target"]
    path, _, query = theirs.partition("?")

    assert request_target(path, parse_qsl(query)[::-1]) == theirs


@pytest.mark.parametrize(
    "use",
    [upgrade, DdsCloud.list_instances, list_jobs],
    ids=["upgrade", "instances", "jobs"],
)
def test_a_signature_stands_up_to_a_check_of_what_came_over_the_wire(
    use: Callable[[DdsCloud], object],
) -> None:
    request = sent(use)
    said = request.header("Authorization")
    names = signed_names(said)
    parts = urlsplit(request.target)
    pairs = sorted(parse_qsl(parts.query, keep_blank_values=True))
    query = "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs)
    lines = [request.method, f"{parts.path}/", query]
    lines += [f"{name}:{request.header(name)}" for name in names]
    lines += ["", ";".join(names), hashlib.sha256(request.body).hexdigest()]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    text = f"SDK-HMAC-SHA256\n{request.header('X-Sdk-Date')}\n{digest}"
    signature = hmac.new(SK.encode(), text.encode(), "sha256").hexdigest()

    assert said == (
        f"SDK-HMAC-SHA256 Access={AK}, SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    assert "host" in names
    assert (request.header("Host") or "").startswith("127.0.0.1:")


def test_every_call_says_who_makes_it_and_wants_no_compression() -> None:
    request = sent(DdsCloud.list_instances)

    assert request.header("User-Agent") == f"offpeakd/{__version__}"
    assert request.header("Accept-Encoding") == "identity"


def test_a_cookie_is_not_kept() -> None:
    step = answer(200, {"instances": []}, Set_Cookie="session=1; Path=/")
    with HttpServer(step) as server:
        cloud = cloud_at(server.url)
        cloud.list_instances()
        cloud.list_instances()
        cloud.close()

    assert [request.header("Cookie") for request in server.received] == [None, None]


def test_calls_share_one_connection() -> None:
    with HttpServer(EMPTY) as server:
        cloud = cloud_at(server.url)
        for _ in range(3):
            cloud.list_instances()
        upgrade(cloud)
        cloud.close()

    assert (server.connections, len(server.received)) == (1, 4)


@pytest.fixture
def a_proxy_in_the_environment() -> Any:
    before = dict(os.environ)
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        os.environ[name] = "http://127.0.0.1:1"
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.usefixtures("a_proxy_in_the_environment")
def test_a_proxy_of_the_environment_is_not_used() -> None:
    assert sent(DdsCloud.list_instances).method == "GET"


def server_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(WIRE / "loopback.crt", WIRE / "loopback.key")
    return context


def test_a_certificate_of_nobody_we_trust_keeps_the_call_back() -> None:
    with HttpServer(EMPTY, tls=server_tls()) as server:
        cloud = cloud_at(server.url)
        said = cloud.send(cloud.sign_upgrade([ONE]), open_gate)
        with pytest.raises(CloudUnreachableError, match="CERTIFICATE_VERIFY_FAILED") as caught:
            cloud.list_instances()
        cloud.close()

    assert said.result.outcome == "not_sent"
    assert "CERTIFICATE_VERIFY_FAILED" in (said.result.message or "")
    assert "`ca_file`" in caught.value.fix
    assert server.bytes_seen == 0


def test_the_authorities_of_a_file_are_trusted() -> None:
    with HttpServer(EMPTY, tls=server_tls()) as server:
        cloud = cloud_at(server.url, ca_file=str(WIRE / "loopback.crt"))

        assert cloud.list_instances() == ()
        cloud.close()


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "not PEM"])
def test_a_file_without_authorities_is_a_mistake_of_the_configuration(
    tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content, encoding="utf-8")

    with pytest.raises(ConfigurationError) as caught:
        cloud_at("https://127.0.0.1:1", ca_file=str(file))

    (problem,) = caught.value.problems
    assert (problem.file, problem.path) == (str(file), "ca_file")
    assert problem.what.startswith("no certificates can be read from it")


def test_a_listing_longer_than_the_limit_is_not_read_on() -> None:
    body = b" " * (16 * 1024 * 1024 + 1)
    with HttpServer(Reply(200, body)) as server:
        cloud = cloud_at(server.url)
        with pytest.raises(CloudUnreachableError, match="longer than 16777216 bytes"):
            cloud.list_instances()
        cloud.close()

    assert len(server.received) == 1


def test_a_read_after_closing_fails_at_once() -> None:
    cloud = cloud_at("http://127.0.0.1:1")
    cloud.close()

    with pytest.raises(CloudUnreachableError, match="the program is stopping"):
        cloud.list_instances()


SCENE = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
from fakes.dds_target import ONE, cloud_at, open_gate
from fakes.http_server import Drop, HttpServer, answer, in_turn
with HttpServer(in_turn(Drop(), answer(200, {"instances": []}))) as server:
    cloud = cloud_at(server.url)
    cloud.list_instances()
    cloud.send(cloud.sign_upgrade([ONE]), open_gate)
    cloud.close()
"""


def test_nothing_is_printed_and_no_secret_is_logged_at_any_level() -> None:
    folders = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2] / "src")]
    done = subprocess.run(
        [sys.executable, "-c", SCENE],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(folders)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout == ""
    assert "stamina" in done.stderr
    assert SK not in done.stderr
    assert "Signature=" not in done.stderr


def test_the_target_is_a_cloud_as_the_services_know_it() -> None:
    cloud: Cloud = cloud_at("http://[::1]:1")
    cloud.close()

    assert cloud.clock_offset() is None
