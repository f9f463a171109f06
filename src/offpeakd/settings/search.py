"""Which files make the configuration."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from offpeakd.core.errors import ConfigurationError, Problem
from offpeakd.core.values import value
from offpeakd.settings.names import CONFIG
from offpeakd.settings.plain_text import LARGEST

FILE_NAME: Final = "offpeakd.yaml"
DROP_INS: Final = "conf.d"

_SYSTEM: Final = Path("/etc/offpeakd") / FILE_NAME


@value
class Source:
    """A file of the configuration.

    Attributes:
        name: as the user named it; messages use it.
        path: absolute.
    """

    name: str
    path: Path

    def content(self) -> bytes:
        """Its bytes, as many as are needed to see that it is too large.

        Raises:
            OSError: it can't be read.
        """
        with self.path.open("rb") as file:
            return file.read(LARGEST + 1)


@value
class Found:
    """The files of the configuration.

    Attributes:
        main: the file that was named or found.
        drop_ins: files beside it that add to it, in the order in which they do.
        ignored: names of files in the same folder that are not read.
    """

    main: Source
    drop_ins: tuple[Source, ...]
    ignored: tuple[str, ...]


def find(config: Path | None, environ: Mapping[str, str], cwd: Path) -> Found:
    """Find the file and its drop-ins.

    Args:
        config: what `--config` named.
        environ: `OFFPEAKD_CONFIG`, and `XDG_CONFIG_HOME` or `HOME`.
        cwd: what relative names are relative to.

    Raises:
        ConfigurationError: nothing is where it is looked for.
    """
    main = _main(config, environ, cwd)
    folder = Path(main.name).parent / DROP_INS
    names = sorted(_listed(main.path.parent / DROP_INS, folder))
    sources = {
        name: Source(str(folder / name), main.path.parent / DROP_INS / name) for name in names
    }
    used = tuple(source for name, source in sources.items() if _is_used(name))
    ignored = tuple(
        source.name
        for name, source in sources.items()
        if not _is_used(name) and name.endswith((".yml", ".yaml.txt", ".json"))
    )
    return Found(main, used, ignored)


def places(environ: Mapping[str, str], cwd: Path) -> tuple[Source, ...]:
    """Where a file is looked for when none is named, in this order."""
    sources = [Source(FILE_NAME, cwd / FILE_NAME)]
    own = environ.get("XDG_CONFIG_HOME") or ""
    home = environ.get("HOME") or ""
    folder = Path(own) if own else Path(home) / ".config" if home else None
    if folder is not None and folder.is_absolute():
        path = folder / "offpeakd" / FILE_NAME
        sources.append(Source(str(path), path))
    return (*sources, Source(str(_SYSTEM), _SYSTEM))


def _main(config: Path | None, environ: Mapping[str, str], cwd: Path) -> Source:
    named = str(config) if config is not None else environ.get(CONFIG, "")
    if named:
        return Source(named, cwd / named)
    tried = places(environ, cwd)
    for source in tried:
        if source.path.exists():
            return source
    names = ", ".join(source.name for source in tried)
    fix = "Write one with `offpeakd config init`, or name one with --config FILE."
    what = f"no configuration; looked for {names}"
    raise ConfigurationError((Problem(FILE_NAME, 0, 0, "", what, fix),))


def _listed(folder: Path, name: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        what = f"can't be listed: {error.strerror}"
        fix = "Let the user that runs offpeakd read and enter it."
        raise ConfigurationError((Problem(str(name), 0, 0, "", what, fix),)) from None


def _is_used(name: str) -> bool:
    return name.endswith(".yaml") and not name.startswith(".")
