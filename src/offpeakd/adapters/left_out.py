"""Keeps a library from importing what it takes along when it happens to be installed."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from types import ModuleType


@contextmanager
def left_out(name: str) -> Generator[None]:
    """Let a module be absent while another is imported that can do without it.

    An import fails at once where `sys.modules` says None (Python's reference, "The module
    cache"). One that is loaded already stays.

    Args:
        name: of the module.
    """
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    if name in modules:
        yield
        return
    modules[name] = None
    try:
        yield
    finally:
        del modules[name]
