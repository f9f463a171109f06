"""A person names a request by its number or by its instance."""

import pytest

from fakes.builders import NOON, a_request, an_id
from fakes.memory_store import MemoryStore
from offpeakd.core.change import Change
from offpeakd.core.errors import UsageError
from offpeakd.core.model import State
from offpeakd.service.lookup import find, look_up


def a_store() -> MemoryStore:
    """Request 1 is cancelled, request 2 of the same instance lives."""
    store = MemoryStore()
    (first,) = store.add([a_request(1, id=0)], "ann")
    after = first.request.moved_to(State.CANCELLED, NOON, finished_at=NOON)
    store.apply([Change(first.request, after, "cancelled")])
    store.add([a_request(1, id=0)], "ann")
    return store


@pytest.mark.parametrize(
    ("name", "number"),
    [
        pytest.param("1", 1, id="number"),
        pytest.param("002", 2, id="number with zeros"),
        pytest.param(an_id(1), 2, id="instance: the live one"),
        pytest.param("3", None, id="unknown number"),
        pytest.param(str(2**63 - 1), None, id="the biggest number a database knows"),
        pytest.param(str(2**63), None, id="one beyond it"),
        pytest.param(an_id(7), None, id="unknown instance"),
    ],
)
def test_names_are_looked_up(name: str, number: int | None) -> None:
    found = look_up(a_store(), name)

    assert (found.id if found else None) == number


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param(
            "9",
            "there is no request 9. `offpeakd list --all` shows every request.",
            id="number",
        ),
        pytest.param(
            an_id(9),
            f"no request was ever made for instance {an_id(9)}. "
            "`offpeakd list --all` shows every request.",
            id="instance",
        ),
        pytest.param(
            "-1",
            "'-1' is neither a request's number nor a DDS instance id. "
            "Copy it from the console's list of DDS instances, or from the API.",
            id="neither",
        ),
    ],
)
def test_what_is_not_there_is_said(name: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        find(a_store(), name)

    assert str(raised.value) == message
