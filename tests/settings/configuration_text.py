"""Parts of configurations, and a folder that has one."""

from pathlib import Path

from offpeakd.core.errors import ConfigurationError
from offpeakd.settings.load import Loaded, load

PROJECT = "054e292c9880d4992f02c0196d3ea468"
ZONE = "timezone: Europe/Amsterdam\n"
TARGET = f"targets:\n  prod:\n    region: eu-west-101\n    project_id: {PROJECT}\n"
WINDOW = "windows:\n  nights:\n    from: '23:00'\n    to: '05:00'\n"
WHOLE = ZONE + TARGET + WINDOW
KEYS = "    credentials:\n      type: access_key\n"


def written(folder: Path, text: str | bytes, name: str = "offpeakd.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def loaded(folder: Path, text: str | bytes = WHOLE, **variables: str) -> Loaded:
    written(folder, text)
    return load(None, variables, folder)


def complaint(folder: Path, text: str | bytes, **variables: str) -> str:
    """What a person reads, empty when there is nothing to complain about."""
    try:
        loaded(folder, text, **variables)
    except ConfigurationError as error:
        return str(error)
    return ""
