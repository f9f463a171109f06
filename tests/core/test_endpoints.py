import pytest

from offpeakd.core.endpoints import (
    REGIONS,
    EndpointError,
    endpoint_for,
    iam_endpoint_for,
    is_loopback,
    parse_endpoint,
    parse_region,
    validate_endpoint,
)


def test_every_region_of_the_official_sdk_has_the_same_address() -> None:
    from huaweicloudsdkcore.region.region import Region
    from huaweicloudsdkdds.v3.region.dds_region import DdsRegion

    theirs = {
        value.id: value.endpoints[0]
        for value in vars(DdsRegion).values()
        if isinstance(value, Region)
    }

    assert {region: endpoint_for(region) for region in REGIONS} == theirs


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("cn-north-4", "https://iam.cn-north-4.myhuaweicloud.com"),
        ("eu-west-101", "https://iam.eu-west-101.myhuaweicloud.eu"),
    ],
)
def test_tokens_come_from_the_same_domain(region: str, expected: str) -> None:
    assert iam_endpoint_for(region) == expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("eu-west-1001", "Did you mean eu-west-101? For any other region give its `endpoint`."),
        ("CN-NORTH-4", "Did you mean cn-north-4? For any other region give its `endpoint`."),
        (
            "mars",
            f"Known are {', '.join(REGIONS)}. For any other region give its `endpoint`.",
        ),
    ],
)
def test_an_unknown_region_is_refused_with_a_hint(text: str, hint: str) -> None:
    with pytest.raises(EndpointError) as caught:
        parse_region(text)

    assert caught.value.what == f"no region '{text}' is known"
    assert caught.value.fix == hint


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://dds.cn-north-4.myhuaweicloud.com", "https://dds.cn-north-4.myhuaweicloud.com"),
        ("https://dds.cn-north-4.myhuaweicloud.com/", "https://dds.cn-north-4.myhuaweicloud.com"),
        (
            "HTTPS://DDS.EU-WEST-101.MyHuaweiCloud.EU:443",
            "https://dds.eu-west-101.myhuaweicloud.eu",
        ),
        ("https://dds.eu-de.otc.t-systems.com", "https://dds.eu-de.otc.t-systems.com"),
        (
            "https://dds.eu-west-0.myhuaweicloud.com:8443",
            "https://dds.eu-west-0.myhuaweicloud.com:8443",
        ),
        ("http://127.0.0.1:9417", "http://127.0.0.1:9417"),
        ("http://127.255.0.9:80", "http://127.255.0.9"),
        ("http://localhost:1", "http://localhost:1"),
        ("http://[::1]:65535", "http://[::1]:65535"),
        ("https://127.0.0.1:9418", "https://127.0.0.1:9418"),
        ("http://127.0.0.1:443", "http://127.0.0.1:443"),
    ],
)
def test_addresses_of_the_cloud_and_of_this_machine_are_taken(url: str, expected: str) -> None:
    assert validate_endpoint(url) == expected


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("dds.cn-north-4.myhuaweicloud.com", "is not an https address"),
        ("ftp://dds.cn-north-4.myhuaweicloud.com", "is not an https address"),
        ("https://", "is not an https address"),
        ("", "is not an https address"),
        ("http://dds.cn-north-4.myhuaweicloud.com", "is not encrypted"),
        ("http://10.0.0.1", "is not encrypted"),
        ("http://169.254.169.254", "is not encrypted"),
        ("https://169.254.169.254", "is an IP address or no valid host name"),
        ("https://10.0.0.1:443", "is an IP address or no valid host name"),
        ("https://2130706433", "is an IP address or no valid host name"),
        ("https://0x7f.1", "is an IP address or no valid host name"),
        ("https://[::2]", "is an IP address or no valid host name"),
        ("https://[::ffff:169.254.169.254]", "is an IP address or no valid host name"),
        ("https://127.0.0.256", "is an IP address or no valid host name"),
        ("https://127.1", "is an IP address or no valid host name"),
        ("http://127.0.0.01", "is not encrypted"),
        ("http://localhost.evil.com", "is not encrypted"),
        ("http://127.0.0.1.evil.com", "is not encrypted"),
        ("https://dds.myhuaweicloud.com.", "is an IP address or no valid host name"),
        ("https://dds.myhuaweicloud.cöm", "is an IP address or no valid host name"),
        ("https://dds myhuaweicloud.com", "is an IP address or no valid host name"),
        ("https://evil.com", "is not an address of Huawei Cloud"),
        ("https://evilmyhuaweicloud.com", "is not an address of Huawei Cloud"),
        ("https://myhuaweicloud.com", "is not an address of Huawei Cloud"),
        ("https://dds.myhuaweicloud.com.evil.com", "is not an address of Huawei Cloud"),
        ("https://dds.myhuaweicloud.com/v3", "has more than a host"),
        ("https://dds.myhuaweicloud.com?a=1", "has more than a host"),
        ("https://dds.myhuaweicloud.com#x", "has more than a host"),
        ("https://dds.myhuaweicloud.com//", "has more than a host"),
        ("https://dds.myhuaweicloud.com:0", "has no valid port"),
        ("https://dds.myhuaweicloud.com:65536", "has no valid port"),
        ("https://dds.myhuaweicloud.com:" + "9" * 5000, "has no valid port"),
        ("https://dds.myhuaweicloud.com:", "has no valid port"),
        ("https://dds.myhuaweicloud.com:x", "is not an https address"),
    ],
)
def test_any_other_address_is_refused_by_its_rule(url: str, what: str) -> None:
    with pytest.raises(EndpointError) as caught:
        validate_endpoint(url)

    assert caught.value.what.endswith(what)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("url", "what", "fix"),
    [
        (
            "ftp://dds.cn-north-4.myhuaweicloud.com",
            "'ftp://dds.cn-north-4.myhuaweicloud.com' is not an https address",
            "Write it like https://dds.eu-west-101.myhuaweicloud.eu.",
        ),
        (
            "ftp://root:hunter2@dds.myhuaweicloud.com",
            "'dds.myhuaweicloud.com' is not an https address",
            "Write it like https://dds.eu-west-101.myhuaweicloud.eu.",
        ),
        (
            "https://root:a@b@dds.myhuaweicloud.com",
            "the address contains a user name or a password",
            "Take everything before the @ out of it; keys and passwords belong in files.",
        ),
        (
            "https://dds.myhuaweicloud.com/v3",
            "'https://dds.myhuaweicloud.com/v3' has more than a host",
            "Leave out path and query: https://dds.eu-west-101.myhuaweicloud.eu.",
        ),
        (
            "https://dds.myhuaweicloud.com:0",
            "'https://dds.myhuaweicloud.com:0' has no valid port",
            "Use a port from 1 to 65535.",
        ),
        (
            "http://dds.myhuaweicloud.com",
            "'http://dds.myhuaweicloud.com' is not encrypted",
            "Use https; http is for loopback addresses only.",
        ),
        (
            "https://10.0.0.1",
            "'10.0.0.1' is an IP address or no valid host name",
            "Use the service's name; only loopback addresses may be numbers.",
        ),
        (
            "https://evil.com",
            "'evil.com' is not an address of Huawei Cloud",
            (
                "Use a name under myhuaweicloud.com, myhuaweicloud.eu, otc.t-systems.com, "
                "prod-cloud-ocb.orange-business.com."
            ),
        ),
    ],
    ids=["scheme", "scheme-user", "user", "path", "port", "plain", "number", "foreign"],
)
def test_a_refused_address_is_told_its_rule_and_a_way_out(url: str, what: str, fix: str) -> None:
    with pytest.raises(EndpointError) as caught:
        validate_endpoint(url)

    assert (caught.value.what, caught.value.fix) == (what, fix)


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("https://dds.myhuaweicloud.com:1", 1),
        ("https://dds.myhuaweicloud.com:80", 80),
        ("https://dds.myhuaweicloud.com:443", None),
        ("https://dds.myhuaweicloud.com:00443", None),
        ("https://dds.myhuaweicloud.com:65534", 65534),
        ("https://dds.myhuaweicloud.com:65535", 65535),
        ("http://127.0.0.1:80", None),
        ("http://127.0.0.1:443", 443),
    ],
)
def test_a_port_is_kept_unless_it_is_the_schemes_own(url: str, port: int | None) -> None:
    assert parse_endpoint(url).port == port


def test_a_port_of_more_digits_than_the_last_one_has_is_none() -> None:
    with pytest.raises(EndpointError, match="has no valid port"):
        parse_endpoint("https://dds.myhuaweicloud.com:000443")


def test_an_address_is_read_in_lower_case_and_in_parts() -> None:
    origin = parse_endpoint("HTTPS://DDS.myHuaweiCloud.com:8443/")

    assert (origin.scheme, origin.host, origin.port) == ("https", "dds.myhuaweicloud.com", 8443)
    assert parse_endpoint("HTTP://LOCALHOST:9417").url == "http://localhost:9417"


@pytest.mark.parametrize(
    "url",
    [
        "https://root:hunter2@dds.cn-north-4.myhuaweicloud.com",
        "https://root:hunter2@evil.com@dds.cn-north-4.myhuaweicloud.com",
        "https://root:hunter2@127.0.0.1:9417/v3",
        "root:hunter2@dds.cn-north-4.myhuaweicloud.com",
        "ftp://root:hunter2@dds.cn-north-4.myhuaweicloud.com",
    ],
)
def test_a_password_in_an_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(EndpointError) as caught:
        validate_endpoint(url)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://dds.private.example", {"dds.private.example"}),
        ("https://dds.private.example:8443", {"dds.private.example:8443"}),
    ],
)
def test_a_host_named_as_allowed_is_taken(url: str, allowed: set[str]) -> None:
    assert validate_endpoint(url, allowed) == url


def test_an_allowed_host_is_allowed_at_its_named_port_only() -> None:
    with pytest.raises(EndpointError, match="is not an address of Huawei Cloud"):
        validate_endpoint("https://dds.private.example:8443", {"dds.private.example"})


def test_the_host_header_names_a_port_that_is_not_the_schemes_own() -> None:
    assert parse_endpoint("http://127.0.0.1:9417").authority == "127.0.0.1:9417"
    assert parse_endpoint("https://dds.x.myhuaweicloud.com:443").authority == (
        "dds.x.myhuaweicloud.com"
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "128.0.0.1", "::1", "[::]", "localhost.localdomain"])  # noqa: S104 (an address to refuse)
def test_what_only_resembles_loopback_is_none(host: str) -> None:
    assert not is_loopback(host)
