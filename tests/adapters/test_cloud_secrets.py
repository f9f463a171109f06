"""A secret that goes out in a call comes back in no error, no record and no representation."""

import traceback
from collections.abc import Callable

import pytest

from fakes.dds_target import ONE, cloud_at, open_gate
from fakes.http_server import Drop, HttpServer, Received, Reply, Step
from offpeakd.adapters.huaweicloud.client import DdsCloud
from offpeakd.core.errors import CloudError

SECRETS = {
    "HUAWEICLOUD_SDK_AK": "EXAMPLEAK",
    "HUAWEICLOUD_SDK_SK": "canary-secret-key",
    "HUAWEICLOUD_SDK_SECURITY_TOKEN": "canary-security-token",
}


def echo(status: int) -> Callable[[Received], Step]:
    """A gateway that repeats every header of the call in its error, as some do."""

    def script(request: Received) -> Step:
        told = "; ".join(f"{name}: {value}" for name, value in request.headers)
        body = f'{{"error_code": "APIGW.0301", "error_msg": "verify failed: {told}"}}'
        return Reply(status, body.encode())

    return script


def leaked(text: str) -> list[str]:
    return [word for word in ("canary", "Signature=") if word in text]


@pytest.mark.parametrize("status", [202, 400, 401, 403, 500])
def test_what_is_kept_of_an_answer_has_no_secret(status: int) -> None:
    with HttpServer(echo(status)) as server:
        cloud = cloud_at(server.url, environ=SECRETS)
        call = cloud.sign_upgrade([ONE])
        said = cloud.send(call, open_gate)
        cloud.close()

    assert "verify failed" in (said.result.answer or "")
    assert leaked(f"{said!r} {call!r} {cloud!r}") == []
    assert call.headers["X-Security-Token"] == "canary-security-token"


@pytest.mark.parametrize(
    "script", [echo(401), echo(418), lambda _: Drop()], ids=["denied", "refused", "dropped"]
)
@pytest.mark.parametrize(
    "use", [DdsCloud.list_instances, lambda cloud: cloud.find_job("j")], ids=["list", "job"]
)
def test_the_error_of_a_read_has_no_secret(
    script: Callable[[Received], Step], use: Callable[[DdsCloud], object]
) -> None:
    with HttpServer(script) as server:
        cloud = cloud_at(server.url, environ=SECRETS)
        with pytest.raises(CloudError) as caught:
            use(cloud)
        cloud.close()

    shown = "".join(traceback.format_exception(caught.value))
    assert leaked(f"{caught.value!r} {caught.value} {shown}") == []
