"""Regions of the cloud and the rules for its addresses."""

import re
from collections.abc import Collection
from typing import Final

from offpeakd.core.grammar import GrammarError, nearest
from offpeakd.core.identifiers import shown
from offpeakd.core.values import value

REGIONS: Final = (
    "ae-ad-1",
    "af-north-1",
    "af-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "cn-east-2",
    "cn-east-3",
    "cn-east-4",
    "cn-east-5",
    "cn-north-1",
    "cn-north-2",
    "cn-north-4",
    "cn-north-9",
    "cn-north-11",
    "cn-north-12",
    "cn-south-1",
    "cn-south-2",
    "cn-south-4",
    "cn-southwest-2",
    "cn-southwest-3",
    "eu-west-0",
    "eu-west-101",
    "la-north-2",
    "la-south-2",
    "me-east-1",
    "my-kualalumpur-1",
    "na-mexico-1",
    "ru-moscow-1",
    "ru-northwest-2",
    "sa-brazil-1",
    "tr-west-1",
)
"""Regions that have DDS, as the official SDK (huaweicloudsdkdds 3.1.219, `DdsRegion`) lists them."""

_EUROPEAN: Final = frozenset({"eu-west-101"})
"""Regions whose addresses end in `.eu`, not `.com` (same source, and `IamRegion`)."""

KNOWN_DOMAINS: Final = (
    "myhuaweicloud.com",
    "myhuaweicloud.eu",
    "otc.t-systems.com",
    "prod-cloud-ocb.orange-business.com",
)
"""Huawei Cloud and its sister clouds, which run the same service under another name."""

_ADDRESS: Final = re.compile(
    r"""(?P<scheme>[a-z][a-z0-9+.-]*)://
        (?:(?P<user>[^/?\#]*)@)?
        (?P<host>\[[0-9a-f:.]+\]|[^/?\#:@\[\]]+)
        (?::(?P<port>[0-9]*))?
        (?P<rest>[/?\#].*)?""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_NAME: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z][a-z0-9-]*[a-z0-9]")
_LOOPBACK_IPV4: Final = re.compile(r"127(?:\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}")
_LAST_PORT: Final = 65535
_EXAMPLE: Final = "https://dds.eu-west-101.myhuaweicloud.eu"


class EndpointError(GrammarError):
    """An address or a region that may not be used."""


@value
class Origin:
    """The parts of an address that has passed the rules.

    Attributes:
        scheme: `https`, or `http` for a loopback address.
        host: lower case; an IPv6 address in brackets.
        port: None where it is the scheme's own.
    """

    scheme: str
    host: str
    port: int | None

    @property
    def url(self) -> str:
        """The address as a whole, without a slash at its end."""
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """What the `Host` header says."""
        return self.host if self.port is None else f"{self.host}:{self.port}"


def parse_region(text: str) -> str:
    """A region that has DDS.

    Raises:
        EndpointError: no such region; with the nearest name where one is near.
    """
    if text in REGIONS:
        return text
    near = nearest(text, REGIONS)
    hint = f"Did you mean {near}?" if near else f"Known are {', '.join(REGIONS)}."
    raise EndpointError(
        f"no region {shown(text)} is known",
        f"{hint} For any other region give its `endpoint`.",
    )


def endpoint_for(region: str) -> str:
    """The address of DDS in a region.

    Raises:
        EndpointError: no such region.
    """
    return f"https://dds.{parse_region(region)}.{_domain(region)}"


def iam_endpoint_for(region: str) -> str:
    """The address of IAM, which gives tokens, in a region.

    Raises:
        EndpointError: no such region.
    """
    return f"https://iam.{parse_region(region)}.{_domain(region)}"


def validate_endpoint(url: str, allowed: Collection[str] = ()) -> str:
    """An address that calls, and so credentials, may go to.

    `https` and a name of Huawei Cloud or a sister cloud; `http` and an IP address for loopback
    alone. No user, path, query or fragment.

    Args:
        url: as configured.
        allowed: further hosts, as `host` or `host:port`.

    Returns:
        The address in lower case, without a slash at its end and without a port that is the
        scheme's own.

    Raises:
        EndpointError: it breaks a rule; `what` names the rule.
    """
    return parse_endpoint(url, allowed).url


def parse_endpoint(url: str, allowed: Collection[str] = ()) -> Origin:
    """As `validate_endpoint`, in parts.

    Raises:
        EndpointError: it breaks a rule.
    """
    match = _ADDRESS.fullmatch(url)
    if match is None or match["scheme"].lower() not in {"http", "https"}:
        raise EndpointError(
            f"{_without_user(url)} is not an https address", f"Write it like {_EXAMPLE}."
        )
    _refuse_extras(url, match)
    scheme = match["scheme"].lower()
    host = match["host"].lower()
    origin = Origin(scheme, host, _port(url, scheme, match["port"]))
    if is_loopback(host):
        return origin
    if scheme == "http":
        raise EndpointError(
            f"{shown(url)} is not encrypted", "Use https; http is for loopback addresses only."
        )
    _refuse_foreign(origin, allowed)
    return origin


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its spelling alone, without asking a name server."""
    return host in {"localhost", "[::1]"} or _LOOPBACK_IPV4.fullmatch(host) is not None


def _domain(region: str) -> str:
    return "myhuaweicloud.eu" if region in _EUROPEAN else "myhuaweicloud.com"


def _refuse_extras(url: str, match: re.Match[str]) -> None:
    if match["user"] is not None:
        raise EndpointError(
            "the address contains a user name or a password",
            "Take everything before the @ out of it; keys and passwords belong in files.",
        )
    if match["rest"] not in {None, "/"}:
        raise EndpointError(
            f"{shown(url)} has more than a host", f"Leave out path and query: {_EXAMPLE}."
        )


def _port(url: str, scheme: str, digits: str | None) -> int | None:
    if digits is None:
        return None
    if not digits or len(digits) > len(str(_LAST_PORT)) or not 0 < int(digits) <= _LAST_PORT:
        raise EndpointError(f"{shown(url)} has no valid port", "Use a port from 1 to 65535.")
    port = int(digits)
    return None if port == {"https": 443, "http": 80}[scheme] else port


def _refuse_foreign(origin: Origin, allowed: Collection[str]) -> None:
    if not _NAME.fullmatch(origin.host):
        raise EndpointError(
            f"{shown(origin.host)} is an IP address or no valid host name",
            "Use the service's name; only loopback addresses may be numbers.",
        )
    if origin.authority in allowed:
        return
    if not origin.host.endswith(tuple(f".{domain}" for domain in KNOWN_DOMAINS)):
        raise EndpointError(
            f"{shown(origin.host)} is not an address of Huawei Cloud",
            f"Use a name under {', '.join(KNOWN_DOMAINS)}.",
        )


def _without_user(url: str) -> str:
    return shown(url.rpartition("@")[2])
