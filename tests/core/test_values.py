"""Values behave as the frozen, slotted data classes of the standard library do."""

import copy
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from typing import Any

import pytest

from offpeakd.core.values import ordered_value, value


@value
class Pair:
    """Two fields, the second with a default."""

    first: int
    second: str = "two"


@dataclass(frozen=True, slots=True)
class Plain:
    """The same by the standard library."""

    first: int
    second: str = "two"


@value
class Kept:
    """What a field may be besides."""

    name: str
    secret: str = field(default="hidden", repr=False)
    note: str = field(default="", compare=False)
    parts: list[int] = field(default_factory=list)
    length: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", len(self.name))


@value
class Nothing:
    """No field at all."""


@value
class One:
    """A single field."""

    only: int


@ordered_value
class Version:
    """Two fields that make an order."""

    major: int
    minor: int = 0
    note: str = field(default="", compare=False)


def test_arguments_are_taken_by_place_and_by_name_and_defaults_fill_in() -> None:
    assert (Pair(1).first, Pair(1).second) == (1, "two")
    assert Pair(1, "b") == Pair(second="b", first=1)


@pytest.mark.parametrize("arguments", [(), (1, "b", 3)])
def test_missing_and_surplus_arguments_are_refused_in_the_same_words(
    arguments: tuple[object, ...],
) -> None:
    words = []
    for kind in (Pair, Plain):
        make: Callable[..., object] = kind
        with pytest.raises(TypeError) as refused:
            make(*arguments)
        words.append(str(refused.value).replace("Plain", "Pair"))
    assert words[0] == words[1]


def test_values_are_equal_where_their_fields_are() -> None:
    assert Pair(1) == Pair(1)
    assert Pair(1) != Pair(2)
    assert One(1) == One(1) != One(2)
    assert Nothing() == Nothing()


@pytest.mark.parametrize("other", [Plain(1), One(1), Nothing(), (1, "two"), 1])
def test_a_value_equals_none_of_another_kind(other: object) -> None:
    every: tuple[object, ...] = (Pair(1), One(2), Nothing())
    assert [one for one in every if one == other and type(one) is not type(other)] == []


def test_ordered_values_compare_by_their_fields_in_turn() -> None:
    given = [Version(2), Version(1, 2, "b"), Version(1, 1), Version(1, 2, "a")]
    assert sorted(given) == [Version(1, 1), Version(1, 2), Version(1, 2), Version(2)]
    assert Version(1) <= Version(1) < Version(1, 1)
    assert Version(2) > Version(1, 9) >= Version(1, 9)


def test_what_is_no_ordered_value_of_the_same_kind_has_no_order() -> None:
    other: Any = 1
    with pytest.raises(TypeError, match="not supported between instances of 'Version' and 'int'"):
        sorted([other, Version(1)])
    pair: Any = Pair(1)
    with pytest.raises(TypeError):
        sorted([pair, Pair(2)])


def test_equal_values_have_one_hash() -> None:
    assert len({Pair(1), Pair(1), Pair(2), One(1), One(1), Nothing(), Nothing()}) == 4


def test_what_a_field_says_of_comparing_and_showing_holds() -> None:
    assert Kept("a", note="x") == Kept("a", note="y")
    assert Kept("a", secret="x") != Kept("a", secret="y")
    assert repr(Kept("a")) == "Kept(name='a', note='', parts=[], length=1)"
    assert repr(Pair(1)) == repr(Plain(1)).replace("Plain", "Pair")
    assert repr(Nothing()) == "Nothing()"


def test_a_factory_is_asked_anew_each_time() -> None:
    assert Kept("a").parts is not Kept("a").parts
    assert Kept("a", parts=[1]).parts == [1]


def test_nothing_of_a_value_can_be_set_deleted_or_added() -> None:
    pair = Pair(1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'first'"):
        pair.first = 2  # type: ignore[misc]  # it is frozen
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'third'"):
        pair.third = 3  # type: ignore[attr-defined]  # there is none
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'first'"):
        del pair.first
    assert not hasattr(pair, "__dict__")


def test_the_tools_of_data_classes_take_it_for_one() -> None:
    assert [one.name for one in fields(Pair)] == ["first", "second"]
    assert replace(Pair(1), second="b") == Pair(1, "b")
    assert asdict(Pair(1)) == {"first": 1, "second": "two"}
    match Pair(7):
        case Pair(first, second):
            assert (first, second) == (7, "two")


@pytest.mark.parametrize("original", [Pair(1), Kept("abc", parts=[1, 2]), Nothing(), One(5)])
def test_copies_are_equal(original: object) -> None:
    assert copy.copy(original) == original
    assert copy.deepcopy(original) == original
    assert pickle.loads(pickle.dumps(original)) == original  # noqa: S301 - our own


def test_a_default_that_could_never_be_taken_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Odd\.place has a default that `__init__` can't take"):

        @value
        class Odd:
            place: int = field(default=1, init=False)
