"""What can be told of the configuration before it is read and checked."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from offpeakd.core.errors import ConfigurationError
from offpeakd.settings.names import PREFIX
from offpeakd.settings.search import find

_VARIABLE: Final = f"{PREFIX}DATABASE__URL"
_IN_A_FILE: Final = re.compile(rb"^[^#\n]*\burl:\s*[\"']?postgres", re.MULTILINE)


def names_postgresql(config: Path | None, environ: Mapping[str, str], cwd: Path) -> bool:
    """Whether the configuration seems to name PostgreSQL, whose driver takes long to load.

    A guess by the words alone, on which nothing may hang but when something is done. What can be
    read only once, such as a pipe, is left to whoever reads it in earnest.

    Args:
        config: the file that `--config` named, or None.
        environ: as for `load`.
        cwd: what relative file names are relative to.
    """
    named = environ.get(_VARIABLE)
    if named is not None:
        return named.startswith("postgres")
    try:
        found = find(config, environ, cwd)
        files = [one for one in (found.main, *found.drop_ins) if one.path.is_file()]
        return any(_IN_A_FILE.search(one.content()) for one in files)
    except (ConfigurationError, OSError):
        return False
