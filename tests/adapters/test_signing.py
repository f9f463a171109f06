import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offpeakd.adapters.huaweicloud.signing import (
    AccessKey,
    authorization,
    canonical_request,
    request_target,
    sdk_date,
    string_to_sign,
)

Vector = dict[str, Any]
VECTORS: list[Vector] = json.loads(
    Path(__file__).with_name("wire").joinpath("signing_vectors.json").read_text(encoding="utf-8")
)["vectors"]
REFUSED = "path-encoded-slash"
DATE = "20240102T030405Z"


def _texts(value: object) -> list[str]:
    if isinstance(value, list):
        return [str(item) for item in value]
    return [str(value).lower() if isinstance(value, bool) else str(value)]


def _pairs(vector: Vector) -> list[tuple[str, str]]:
    return [(name, text) for name, value in vector["query"] for text in _texts(value)]


def _named(name: str) -> Vector:
    return next(vector for vector in VECTORS if vector["name"] == name)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_signed_text_is_the_one_the_official_sdk_signs(vector: Vector) -> None:
    query, expected = _pairs(vector), vector["expected"]

    request = canonical_request(
        vector["method"],
        vector["resource_path"],
        query,
        vector["headers"],
        vector["body"].encode(),
    )

    assert request == expected["canonical_request"]
    assert string_to_sign(vector["headers"]["X-Sdk-Date"], request) == expected["string_to_sign"]
    assert request_target(vector["resource_path"], query) == expected["request_target"]


@pytest.mark.parametrize(
    "vector",
    [vector for vector in VECTORS if vector["name"] != REFUSED],
    ids=lambda vector: vector["name"],
)
def test_the_header_is_the_one_the_official_sdk_sends(vector: Vector) -> None:
    key = AccessKey(vector["ak"], vector["sk"])

    header = authorization(
        key,
        vector["method"],
        vector["resource_path"],
        _pairs(vector),
        headers=vector["headers"],
        body=vector["body"].encode(),
    )

    assert header == vector["expected"]["authorization"]


def test_all_vectors_are_there() -> None:
    assert len(VECTORS) == 24


@pytest.mark.parametrize("slash", ["%2F", "%2f"])
def test_an_escaped_slash_is_not_signed(slash: str) -> None:
    vector = _named(REFUSED)
    path = vector["resource_path"].replace("%2F", slash)

    with pytest.raises(ValueError, match="escaped slash"):
        authorization(
            AccessKey("ak", "sk"), "GET", path, [], headers={"X-Sdk-Date": DATE}, body=b""
        )


@pytest.mark.parametrize(
    ("instant", "expected"),
    [
        (datetime(2024, 1, 2, 3, 4, 5, 999_999, tzinfo=UTC), DATE),
        (datetime(2024, 1, 2, 11, 4, 5, tzinfo=timezone(timedelta(hours=8))), DATE),
    ],
    ids=["fractions are cut", "in UTC"],
)
def test_the_date_is_in_utc_and_in_whole_seconds(instant: datetime, expected: str) -> None:
    assert sdk_date(instant) == expected


def test_a_key_does_not_show_its_secrets() -> None:
    key = AccessKey("public", "canary-secret", "canary-token")

    assert repr(key) == "AccessKey(access_key='public')"


_names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)
_values = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20)
_parts = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=12)
_printable = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
_secrets = st.text(_printable, min_size=1, max_size=40)


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
    parts=st.lists(_parts, max_size=5),
    query=st.lists(st.tuples(_names, _values), max_size=6),
    extra=st.dictionaries(_names.map("X-{}".format), _values, max_size=3),
    body=st.binary(max_size=60),
    secret=_secrets,
)
def test_every_request_is_signed_as_the_official_sdk_signs_it(
    *,
    method: str,
    parts: list[str],
    query: list[tuple[str, str]],
    extra: dict[str, str],
    body: bytes,
    secret: str,
) -> None:
    from huaweicloudsdkcore.auth.credentials import BasicCredentials
    from huaweicloudsdkcore.sdk_request import SdkRequest
    from huaweicloudsdkcore.signer.signer import Signer

    path = "/" + "/".join(quote(part, safe="~") for part in parts)
    headers = {"Content-Type": "application/json", "Host": "dds.example", "X-Sdk-Date": DATE}
    headers |= {f"{name}-{number}": value for number, (name, value) in enumerate(extra.items())}
    theirs = SdkRequest(
        method=method,
        schema="https",
        host="dds.example",
        resource_path=path,
        query_params=list(query),
        header_params=dict(headers),
        body=body,
    )

    Signer(BasicCredentials("AK", secret)).sign(theirs)

    ours = authorization(AccessKey("AK", secret), method, path, query, headers=headers, body=body)
    assert ours == theirs.header_params["Authorization"]
    assert request_target(path, query) == theirs.uri
