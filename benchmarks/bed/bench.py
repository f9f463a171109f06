"""What a run of the benchmarks has at hand: how long it may be, and what several figures share."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from benchmarks.bed.postgresql import Server, a_server
from benchmarks.bed.running import Stub, a_stub


@dataclass
class Bench:
    """One run.

    Attributes:
        rounds: how often each side runs.
        quick: a short check that everything works; its figures say little.
    """

    rounds: int = 7
    quick: bool = False
    _stack: ExitStack = field(default_factory=ExitStack)
    _stubs: dict[int, Stub] = field(default_factory=dict)

    def of(self, whole: int, quick: int) -> int:
        """A number that a quick run makes smaller."""
        return quick if self.quick else whole

    def stub(self, instances: int) -> Stub:
        """A cloud whose projects have so many instances each."""
        if instances not in self._stubs:
            self._stubs[instances] = self._stack.enter_context(a_stub(instances))
        return self._stubs[instances]

    @cached_property
    def server(self) -> Server:
        return self._stack.enter_context(a_server())

    def folder(self) -> Path:
        made = tempfile.TemporaryDirectory(prefix="offpeakd-bench-made-")
        return Path(self._stack.enter_context(made))


@contextmanager
def a_bench(rounds: int, *, quick: bool) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(2 if quick else rounds, quick, stack)
