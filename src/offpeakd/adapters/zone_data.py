"""Which release of the IANA zone data computes the openings."""

import zoneinfo
from importlib import metadata
from pathlib import Path


def version() -> str:
    """Release such as `2026b`: the system's where it has one, else the tzdata package's own.

    zoneinfo looks in the same order.
    """
    for folder in zoneinfo.TZPATH:
        for name in ("tzdata.zi", "+VERSION"):
            first = _first_line(Path(folder) / name)
            if first:
                return first.removeprefix("# version ").strip()
    return f"tzdata {metadata.version('tzdata')}"


def _first_line(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as lines:
            return lines.readline()
    except OSError:
        return ""
