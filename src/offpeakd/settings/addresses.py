"""Where the HTTP API would listen."""

import re
from ipaddress import ip_address
from typing import Final

from offpeakd.settings.words import SettingError, named

_HOST_PORT: Final = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[^:\s/\[\]]+):(?P<port>[0-9]{1,5})")
_LAST_PORT: Final = 65535


def parse_listen(text: str, *, guarded: bool = True) -> str:
    """An address to listen on.

    Args:
        text: `host:port` or `unix:/path`.
        guarded: whether callers need a token.

    Raises:
        SettingError: it is neither, or open to other machines without a token.
    """
    if text.startswith("unix:/"):
        return text
    match = _HOST_PORT.fullmatch(text)
    if match is None or not 0 < int(match["port"]) <= _LAST_PORT:
        raise SettingError(
            f"{named(text)} is not an address to listen on",
            "Write it like 127.0.0.1:8417 or unix:/run/offpeakd/api.sock.",
        )
    if not guarded and not _is_local(match["host"].strip("[]")):
        raise SettingError(
            f"{named(text)} can be reached from other machines without a token",
            "Name a token_file, or listen on 127.0.0.1.",
            key="listen",
        )
    return text


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
