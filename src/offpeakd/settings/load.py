"""The whole way from files and variables to settings that hold."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource
from typing_extensions import override

from offpeakd.core.errors import ConfigurationError, Problem
from offpeakd.core.values import value
from offpeakd.settings.cautions import cautions
from offpeakd.settings.crosschecks import crosscheck
from offpeakd.settings.database_url import anchored
from offpeakd.settings.models import Settings
from offpeakd.settings.origins import origins_of
from offpeakd.settings.problems import problems_of
from offpeakd.settings.search import Found, Source, find
from offpeakd.settings.source import Reading, read
from offpeakd.settings.tree import Branch, Place, merged, plain
from offpeakd.settings.variables import overrides

_DIGITS: Final = 12


@value
class Loaded:
    """A configuration that holds.

    Attributes:
        settings: every value.
        files: where it was read from, the main file first; absolute.
        origins: where each key was set, by dotted key: `file:line`, a variable's name, or
            `default`.
        hash: twelve hexadecimal digits that change with any value.
        warnings: what is allowed and hardly meant, each a sentence.
    """

    settings: Settings
    files: tuple[Path, ...]
    origins: Mapping[str, str]
    hash: str
    warnings: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """The main file's folder: files named in the configuration are looked for in it."""
        return self.files[0].parent


class TreeSource(PydanticBaseSettingsSource):
    """What files and variables say, for the settings library."""

    def __init__(self, settings: type[Settings], root: Branch) -> None:
        super().__init__(settings)
        self._values = plain(root)

    @override
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """One top-level value."""
        values = self()
        return values.get(field_name), field_name, False

    @override
    def __call__(self) -> dict[str, Any]:
        return self._values if isinstance(self._values, dict) else {}


def load(config: Path | None, environ: Mapping[str, str], cwd: Path) -> Loaded:
    """Read, merge and check the configuration.

    Args:
        config: the file that `--config` named, or None.
        environ: variables; `OFFPEAKD_CONFIG` names the file, `OFFPEAKD_SECTION__KEY` overrides.
        cwd: what relative file names are relative to.

    Raises:
        ConfigurationError: with everything that is wrong in all of it.
    """
    found = find(config, environ, cwd)
    readings = [_read(source) for source in (found.main, *found.drop_ins)]
    root = readings[0].root
    for reading in readings[1:]:
        root = merged(root, reading.root)
    variables = overrides(environ, root)
    root = merged(root, variables.root)
    problems = [problem for reading in readings for problem in reading.problems]
    problems.extend(variables.problems)
    settings = _validated(root, problems, whole=not any(reading.problems for reading in readings))
    return _loaded(settings, root, found)


def _read(source: Source) -> Reading:
    try:
        return read(source.content(), source.name)
    except FileNotFoundError:
        what, fix = (
            "there is no such file",
            "Check the path, or write one with `offpeakd config init`.",
        )
    except IsADirectoryError:
        what, fix = "this is a folder", "Name the file in it."
    except OSError as error:
        what = f"can't be read: {error.strerror}"
        fix = "Let the user that runs offpeakd read it."
    return Reading(Branch(Place(source.name)), (Problem(source.name, 0, 0, "", what, fix),))


def _validated(root: Branch, problems: list[Problem], *, whole: bool) -> Settings:
    """The settings, if neither the caller nor the rules have anything against them."""
    settings = None
    try:
        sources = (TreeSource(Settings, root),)
        settings = Settings(_build_sources=(sources, {}))  # pyright: ignore[reportCallIssue] - it sees fields alone
    except ValidationError as error:
        problems.extend(problems_of(error, root, whole=whole))
    problems.extend(crosscheck(root, whole=whole))
    if problems or settings is None:
        raise ConfigurationError(tuple(dict.fromkeys(problems)))
    return settings


def _loaded(settings: Settings, root: Branch, found: Found) -> Loaded:
    url = anchored(settings.database.url, found.main.path.parent)
    database = settings.database.model_copy(update={"url": url})
    settings = settings.model_copy(update={"database": database})
    ignored = tuple(
        f"{name} is not read; only files that end in .yaml are" for name in found.ignored
    )
    return Loaded(
        settings=settings,
        files=tuple(source.path for source in (found.main, *found.drop_ins)),
        origins=origins_of(settings, root),
        hash=_hash(settings),
        warnings=(*ignored, *cautions(settings)),
    )


def _hash(settings: Settings) -> str:
    values = settings.model_dump(mode="json", by_alias=True)
    canonical = json.dumps(values, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:_DIGITS]
