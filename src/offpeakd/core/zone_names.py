"""Time zones by the names of the IANA database: regions only, no abbreviations, no offsets."""

import re
from collections.abc import Mapping
from datetime import UTC, tzinfo
from difflib import get_close_matches
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from offpeakd.core.grammar import GrammarError, quoted

_SHAPE: Final = r"[A-Za-z_]+(?:/[A-Za-z0-9_+-]+){1,2}"
_NOT_REGIONS: Final = frozenset({"etc", "posix", "right", "systemv"})
_OFFSET: Final = r"(etc/)?(?:utc|gmt|[a-z]{2,4})?([+-])0?([0-9]{1,2})(?::?([0-9]{2}))?"

_MEANT: Final[Mapping[str, str]] = {
    "est": "America/New_York",
    "edt": "America/New_York",
    "est5edt": "America/New_York",
    "cst": "America/Chicago or Asia/Shanghai",
    "cdt": "America/Chicago",
    "cst6cdt": "America/Chicago",
    "mst": "America/Denver",
    "mdt": "America/Denver",
    "mst7mdt": "America/Denver",
    "pst": "America/Los_Angeles",
    "pdt": "America/Los_Angeles",
    "pst8pdt": "America/Los_Angeles",
    "hst": "Pacific/Honolulu",
    "cet": "Europe/Berlin",
    "cest": "Europe/Berlin",
    "met": "Europe/Berlin",
    "mez": "Europe/Berlin",
    "wet": "Europe/Lisbon",
    "west": "Europe/Lisbon",
    "eet": "Europe/Helsinki",
    "eest": "Europe/Helsinki",
    "bst": "Europe/London",
    "msk": "Europe/Moscow",
    "ist": "Asia/Kolkata, Europe/Dublin or Asia/Jerusalem",
    "jst": "Asia/Tokyo",
    "kst": "Asia/Seoul",
    "hkt": "Asia/Hong_Kong",
    "sgt": "Asia/Singapore",
    "aest": "Australia/Sydney",
    "aedt": "Australia/Sydney",
    "gmt": "UTC or Europe/London",
    "gmt0": "UTC",
    "utc": "UTC",
    "z": "UTC",
    "zulu": "UTC",
    "uct": "UTC",
    "universal": "UTC",
    "greenwich": "UTC",
    "etc/utc": "UTC",
    "etc/gmt": "UTC",
    "etc/gmt0": "UTC",
    "etc/uct": "UTC",
    "etc/zulu": "UTC",
    "etc/universal": "UTC",
    "etc/greenwich": "UTC",
    "us/eastern": "America/New_York",
    "us/central": "America/Chicago",
    "us/mountain": "America/Denver",
    "us/pacific": "America/Los_Angeles",
    "prc": "Asia/Shanghai",
    "roc": "Asia/Taipei",
    "rok": "Asia/Seoul",
    "japan": "Asia/Tokyo",
    "singapore": "Asia/Singapore",
    "hongkong": "Asia/Hong_Kong",
    "gb": "Europe/London",
    "eire": "Europe/Dublin",
    "nz": "Pacific/Auckland",
    "w-su": "Europe/Moscow",
    "beijing": "Asia/Shanghai",
    "asia/beijing": "Asia/Shanghai",
    "local": "Europe/Berlin",
    "localtime": "Europe/Berlin",
}
"""What people write for a zone, in lower case, and the region they probably mean."""

_AT_OFFSET: Final[Mapping[int, str]] = {
    -600: "Pacific/Honolulu",
    -480: "America/Los_Angeles",
    -420: "America/Denver",
    -360: "America/Chicago",
    -300: "America/New_York",
    -240: "America/Santiago",
    -180: "America/Sao_Paulo",
    0: "UTC or Europe/London",
    60: "Europe/Berlin",
    120: "Europe/Helsinki",
    180: "Europe/Moscow",
    240: "Asia/Dubai",
    300: "Asia/Karachi",
    330: "Asia/Kolkata",
    360: "Asia/Dhaka",
    420: "Asia/Bangkok",
    480: "Asia/Shanghai",
    540: "Asia/Tokyo",
    600: "Australia/Sydney",
    720: "Pacific/Auckland",
}
"""A well-known region for an offset in minutes east of UTC."""


def parse_zone(text: str) -> str:
    """Check the name of a time zone.

    Args:
        text: a region of the IANA time zone database such as `Europe/Amsterdam`, or `UTC`.

    Returns:
        the name as it stands in the database.

    Raises:
        GrammarError: an abbreviation, a fixed offset, an unknown name, or no database at all.
    """
    if text == "UTC":
        return text
    area = text.partition("/")[0].lower()
    if re.fullmatch(_SHAPE, text) is None or area in _NOT_REGIONS:
        raise GrammarError(*_refusal(text))
    if _find(text) is None:
        if not available_timezones():
            raise GrammarError(
                f"no time zone database on this machine, so {quoted(text)} can't be looked up",
                "Install the Python package tzdata, or the operating system's",
            )
        raise GrammarError(*_refusal(text))
    return text


def zone_of_name(name: str) -> tzinfo:
    """The rules of a zone whose name `parse_zone` has let pass.

    Raises:
        GrammarError: the database has lost it, or isn't there.
    """
    if parse_zone(name) == "UTC":
        return UTC
    return ZoneInfo(name)


def forget_zones() -> None:
    """Read time zone data anew from now on, as after an update of the database.

    Calendars made earlier keep the rules they were made with.
    """
    ZoneInfo.clear_cache()


def _find(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        # A folder of the database, such as America/Argentina, fails as a file error.
        return None


def _refusal(text: str) -> tuple[str, str]:
    """What is wrong with the name, and what to write instead."""
    lowered = text.strip().lower()
    offset = re.fullmatch(_OFFSET, lowered)
    if offset is not None:
        return _refused_offset(text, offset)
    meant = _MEANT.get(lowered) or _similar(lowered)
    what = f"unknown time zone {quoted(text)}"
    if lowered in _MEANT and "/" not in lowered:
        what = f"{quoted(text)} is not the name of a time zone region"
    return what, _suggestion(meant)


def _refused_offset(text: str, offset: re.Match[str]) -> tuple[str, str]:
    """A fixed offset knows no summer time, and in `Etc/` its sign is the reverse."""
    etc, sign, hours, minutes = offset.groups()
    east = (int(hours) * 60 + int(minutes or 0)) * (1 if sign == "+" else -1)
    named = re.match(r"(?!utc|gmt|etc)[a-z]+", offset.string)
    if named is not None:
        return f"unknown time zone {quoted(text)}", _suggestion(_MEANT.get(named.group()))
    if etc is None:
        what = f"{quoted(text)} is a fixed offset, not a time zone region"
        return what, _suggestion(_AT_OFFSET.get(east))
    reverse = "-" if sign == "+" else "+"
    what = f"{quoted(text)} is UTC{reverse}{hours}: the sign of Etc names is reversed"
    both = [
        _AT_OFFSET[minutes] for minutes in dict.fromkeys((east, -east)) if minutes in _AT_OFFSET
    ]
    return what, _suggestion(" or ".join(both))


def _suggestion(meant: str | None) -> str:
    if not meant:
        return "Write an IANA name such as Europe/Berlin, Asia/Shanghai or UTC"
    return f"Did you mean {meant}? (IANA name)"


def _similar(lowered: str) -> str | None:
    """The region whose name comes closest, by the whole name or by its city."""
    regions = {
        name.lower(): name
        for name in available_timezones()
        if "/" in name and name.partition("/")[0].lower() not in _NOT_REGIONS
    }
    if lowered in regions:
        return regions[lowered]
    cities = {name.rpartition("/")[2]: regions[name] for name in sorted(regions)}
    city = lowered.replace(" ", "_")
    if city in cities:
        return cities[city]
    close = get_close_matches(city, sorted(regions), n=1, cutoff=0.8)
    return regions[close[0]] if close else None
