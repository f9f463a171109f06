"""Checks names of targets and groups that a person typed against the configuration."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from offpeakd.core.errors import UsageError
from offpeakd.core.identifiers import shown

if TYPE_CHECKING:
    from offpeakd.settings.load import Loaded


def known(kind: str, name: str, names: Iterable[str]) -> str:
    """The name, if there is one like it.

    Args:
        kind: what it names, such as `target`.
        name: as typed.
        names: those that exist.

    Raises:
        UsageError: there is none; names the nearest.
    """
    names = sorted(names)
    if name in names:
        return name
    near = get_close_matches(name, names, n=1)
    fix = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(names) or 'none'}."
    raise UsageError(f"there is no {kind} {shown(name)} in the configuration", fix=fix)


def target_of(name: str | None, loaded: "Loaded") -> str:
    """The target that was named, or the only one there is.

    Raises:
        UsageError: it is unknown, or there are several and none was named.
    """
    targets = sorted(loaded.settings.targets)
    if name is not None:
        return known("target", name, targets)
    if len(targets) == 1:
        return targets[0]
    raise UsageError(
        f"there are {len(targets)} targets, and none was named",
        fix=f"Add --target NAME: {', '.join(targets)}.",
    )
