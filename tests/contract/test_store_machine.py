"""Any sequence of calls, whoever makes them and however old what they read, ends as a model says.

A deeper search, of about an hour: `HYPOTHESIS_PROFILE=long pytest --timeout 0` on this file.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from typing_extensions import override

from contract.store_machine import Ground, OpenGround, StoreMachine
from fakes.memory_rows import Rows
from fakes.memory_store import MemoryStore
from fakes.postgres import fresh_database
from fakes.wishes import OpenStore, added, moved, wish
from offpeakd.adapters.sql.schema import ensure
from offpeakd.adapters.sql.store import SqlStore
from offpeakd.core.batch import Batch
from offpeakd.core.change import Change
from offpeakd.core.errors import DatabaseError
from offpeakd.core.model import Request, State
from offpeakd.ports import Claim, Filter, Limits, Settled, Store


@contextmanager
def in_memory() -> Iterator[Ground]:
    rows = Rows()
    yield Ground(lambda owner: MemoryStore(owner, rows), AssertionError)


@contextmanager
def on_sqlite(template: Path) -> Iterator[Ground]:
    folder = template.parent / "one"
    folder.mkdir()
    shutil.copy(template, folder)
    with ExitStack() as closing:
        yield Ground(stores_on(f"sqlite:///{folder / template.name}", closing), DatabaseError)
    shutil.rmtree(folder)


@contextmanager
def on_postgresql() -> Iterator[Ground]:
    with fresh_database() as url, ExitStack() as closing:
        plain = url.replace("+psycopg", "")
        server = closing.enter_context(psycopg.connect(plain, autocommit=True))

        def lapse(owner: str) -> None:
            earlier = "UPDATE lease SET renewed_at = renewed_at - interval '1 hour'"
            server.execute(f"{earlier} WHERE owner = %s", [owner])

        yield Ground(stores_on(url, closing), DatabaseError, lapse)


def stores_on(url: str, closing: ExitStack) -> OpenStore:
    def opened(owner: str) -> Store:
        store = SqlStore(url, owner)
        closing.callback(store.close)
        return store

    return opened


def explore(open_ground: OpenGround, examples: int, *phases: Phase) -> None:
    """Let hypothesis tell so many stories of fifty calls; more of them in a longer profile."""
    machine: Any = lambda: StoreMachine(open_ground)  # noqa: E731  # hypothesis calls it a class
    usual = settings.get_profile("ci").max_examples
    chosen = settings(
        max_examples=examples * settings().max_examples // usual,
        stateful_step_count=50,
        phases=phases or tuple(Phase),
    )
    run_state_machine_as_test(machine, settings=chosen)


def test_a_second_live_request_of_an_instance_is_refused_and_nothing_changes(
    open_store: OpenStore,
) -> None:
    store = open_store("me")
    [failed] = added(store, wish(1, state=State.FAILED))
    [live] = added(store, wish(1))
    bystander, again = moved(live, State.QUEUED, "touched"), moved(failed, State.QUEUED, "retried")
    with pytest.raises((DatabaseError, AssertionError)):
        store.apply([again, bystander])
    assert store.page(Filter(), 0, 9) == (failed, live)
    assert [event.kind for event in store.events(failed.id)] == ["added"]


def test_a_store_in_memory_does_as_its_model() -> None:
    explore(in_memory, 60)


def test_sqlite_does_as_its_model(tmp_path: Path) -> None:
    template = tmp_path / "offpeakd.db"
    ensure(f"sqlite:///{template}")
    explore(lambda: on_sqlite(template), 15)


def test_postgresql_does_as_its_model() -> None:
    explore(on_postgresql, 5)


class Blind(MemoryStore):
    """Writes whatever it is told, however old what it was told from."""

    @override
    def apply(self, changes: Sequence[Change]) -> tuple[int, ...]:
        standing = {one.before.id: self.rows.requests[one.before.id] for one in changes}
        return super().apply([replace(one, before=standing[one.before.id]) for one in changes])


class Eager(MemoryStore):
    """Claims what it can of a batch."""

    @override
    def claim(
        self,
        batch: Batch,
        limits: Limits | None = None,
        settled: Settled | None = None,
        ahead: int = 0,
    ) -> Claim:
        places = [
            place for place, one in enumerate(batch.requests) if self._stands_ready(batch, one)
        ]
        some = replace(
            batch,
            requests=tuple(batch.requests[place] for place in places),
            attempt_ids=tuple(batch.attempt_ids[place] for place in places),
            instance_versions=tuple(batch.instance_versions[place] for place in places),
        )
        return super().claim(some if places else batch, limits, settled)


class Unfenced(MemoryStore):
    """Believes every claim but its own to be dead, and its own as well."""

    @override
    def abandoned(self, owner: str, limit: int) -> tuple[Request, ...]:
        return super().abandoned("", limit)


class Mute(MemoryStore):
    """Keeps no history of what people decide."""

    @override
    def apply(self, changes: Sequence[Change]) -> tuple[int, ...]:
        return super().apply([replace(one, event="") for one in changes])


class Forgetful(MemoryStore):
    """Forgets what has only just ended."""

    @override
    def forget_finished(self, before: datetime, limit: int) -> int:
        return super().forget_finished(before + timedelta(days=1), limit)


@pytest.mark.parametrize("broken", [Blind, Eager, Unfenced, Mute, Forgetful])
def test_a_store_that_breaks_its_promise_is_found_out(broken: type[MemoryStore]) -> None:
    @contextmanager
    def ground() -> Iterator[Ground]:
        rows = Rows()
        yield Ground(lambda owner: broken(owner, rows), AssertionError)

    with pytest.raises((AssertionError, ExceptionGroup)):
        explore(ground, 200, Phase.generate)
