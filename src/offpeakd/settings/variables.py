"""Settings from the environment: `OFFPEAKD_RELEASE__BATCH_SIZE=5`."""

import re
from collections.abc import Mapping
from typing import Final

from offpeakd.core.errors import Problem
from offpeakd.core.values import value
from offpeakd.settings.names import CONFIG, PREFIX
from offpeakd.settings.schema import keys_under, variables
from offpeakd.settings.tree import ENVIRONMENT, Branch, Entry, Leaf, Place, child
from offpeakd.settings.words import did_you_mean

_SEPARATOR: Final = "__"
_OF_KUBERNETES: Final = rf"{PREFIX}(SERVICE_(HOST|PORT)|PORT(_[0-9].*)?)(_[A-Z0-9_]+)?"
"""What Kubernetes adds to containers beside a Service called offpeakd."""


@value
class Overrides:
    """What the environment sets.

    Attributes:
        root: as a file would say it.
        problems: variables that set nothing.
    """

    root: Branch
    problems: tuple[Problem, ...]


def overrides(environ: Mapping[str, str], files: Branch) -> Overrides:
    """Read every variable that sets something.

    An empty variable counts as absent: a container's environment can't unset one.

    Args:
        environ: of the process.
        files: what the files say; a name in them is found whatever its case and dashes.
    """
    root = Branch(Place(ENVIRONMENT))
    problems: list[Problem] = []
    for name in sorted(environ):
        if not _is_ours(name) or not environ[name]:
            continue
        place = Place(ENVIRONMENT, variable=name)
        parts = name.removeprefix(PREFIX).split(_SEPARATOR)
        if parts[0].lower() not in keys_under(()) or not all(parts):
            what = "unknown variable"
            problems.append(place.problem((), what, did_you_mean(name, variables())))
            continue
        _plant(root, _path(parts, files), environ[name], place)
    return Overrides(root, tuple(problems))


def _is_ours(name: str) -> bool:
    return name.startswith(PREFIX) and name != CONFIG and not re.fullmatch(_OF_KUBERNETES, name)


def _path(parts: list[str], files: Branch) -> list[str]:
    """The keys that a variable's parts mean: as the files write them, else in lower case."""
    node = files
    path: list[str] = []
    for part in parts:
        key = next((key for key in node.entries if _as_part(key) == part.upper()), part.lower())
        path.append(key)
        below = child(node, key)
        node = below if isinstance(below, Branch) else Branch(Place(ENVIRONMENT))
    return path


def _as_part(key: str) -> str:
    return re.sub("[-.]", "_", key).upper()


def _plant(root: Branch, path: list[str], value: str, place: Place) -> None:
    here = root
    for key in path[:-1]:
        entry = here.entries.get(key)
        if entry is None or not isinstance(entry.node, Branch):
            entry = here.entries[key] = Entry(place, Branch(place))
        below = entry.node
        if isinstance(below, Branch):
            here = below
    here.entries[path[-1]] = Entry(place, Leaf(value, place))
