"""Files that are shipped beside the code: migrations, the example configuration, units."""

from importlib import resources
from pathlib import Path


def path_of(name: str) -> Path:
    """The path of a shipped file or folder.

    A wheel carries these inside the package; in a work tree they stand at its top.

    Args:
        name: such as `alembic` or `config/offpeakd.yaml`.

    Raises:
        FileNotFoundError: this installation lacks it.
    """
    package = Path(str(resources.files("offpeakd")))
    for folder in (package / "_share", package.parents[1]):
        path = folder / name
        if path.exists():
            return path
    raise FileNotFoundError(f"this installation of offpeakd lacks {name}; install it again")
