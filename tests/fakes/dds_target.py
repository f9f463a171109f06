"""A target of DDS at a loopback server, with a made-up key."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from fakes.set_clock import SetClock
from offpeakd.adapters.huaweicloud.address import Address
from offpeakd.adapters.huaweicloud.client import DdsCloud
from offpeakd.adapters.huaweicloud.credentials.authorizing import Credentials
from offpeakd.adapters.huaweicloud.credentials.opening import open_credentials
from offpeakd.adapters.huaweicloud.credentials.references import EnvironmentKeys
from offpeakd.adapters.huaweicloud.refused_keys import RefusedKeys

PROJECT = "0123456789abcdef0123456789abcdef"
AK = "EXAMPLEAK0123456789A"
SK = "exampleSecretKey0123456789abcdefABCDEF+/"
KEYS = {"HUAWEICLOUD_SDK_AK": AK, "HUAWEICLOUD_SDK_SK": SK}
ONE = "046287aae57843b1a7bc61b7a8812f41in02"
TWO = "3d1e04f49efa473a8c7eaf07ed7ff870in02"
THREE = "0000000000000000000000000000000fin02"


def address_of(url: str, **changes: Any) -> Address:
    address = Address(
        name="prod-eu",
        region="eu-west-101",
        project_id=PROJECT,
        endpoint=url,
        iam_endpoint=url,
        requests_per_minute=60,
        connect_timeout=timedelta(seconds=5),
        read_timeout=timedelta(seconds=5),
        write_timeout=timedelta(seconds=5),
    )
    return replace(address, **changes)


def cloud_at(
    url: str,
    clock: SetClock | None = None,
    credentials: Credentials | None = None,
    environ: dict[str, str] | None = None,
    keys: RefusedKeys | None = None,
    **changes: Any,
) -> DdsCloud:
    """A target at a server; closed by the test."""
    at, address = clock or SetClock(), address_of(url, **changes)
    opened = credentials or open_credentials(EnvironmentKeys(), address, at, environ or KEYS)
    return DdsCloud(address, opened, at, at.wait, keys)


def open_gate() -> None:
    """A gate without a veto."""
