"""Values: what `dataclass(frozen=True, slots=True)` makes, at a fifth of its price.

`dataclasses` compiles six methods of each class from text, and a start makes a hundred classes.
Here `__init__` alone is compiled, and fills each slot by its own descriptor, which makes instances
faster too; the other methods are closures. Classes with fields that are given by keyword alone are
left to `dataclasses`.
"""

import operator
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from typing import Any, Final, NoReturn, TypeVar, dataclass_transform

_T = TypeVar("_T")
_Method = Callable[..., Any]
_Reader = Callable[[object], object]
_ABSENT: Final = object()


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[_T]) -> type[_T]:
    """Make the instances of a class frozen, and equal where their fields are.

    Its fields are written as for `dataclass`, and `fields`, `replace` and `asdict` take it for one.
    """
    made = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    every = fields(made)  # type: ignore[arg-type]  # it is one since the line above
    compared = _reader(every)
    methods: dict[str, _Method] = {
        "__init__": _initialiser(made, every),
        "__eq__": _comparison(operator.eq, compared),
        "__hash__": _hashing(compared),
        "__repr__": _representation(tuple(one.name for one in every if one.repr)),
        "__setattr__": _refuse_to_set,
        "__delattr__": _refuse_to_delete,
        "__setstate__": _restore,
    }
    for name, method in methods.items():
        setattr(made, name, method)
    return made


@dataclass_transform(frozen_default=True, order_default=True, field_specifiers=(field,))
def ordered_value(cls: type[_T]) -> type[_T]:
    """A `value` that comes before or after another as the first field that differs does."""
    made = value(cls)
    compared = _reader(fields(made))  # type: ignore[arg-type]  # `value` makes it one
    for name in ("__lt__", "__le__", "__gt__", "__ge__"):
        setattr(made, name, _comparison(getattr(operator, name), compared))
    return made


def _initialiser(cls: type, every: tuple[Field[Any], ...]) -> _Method:
    parameters = ["self"]
    steps: list[str] = []
    known: dict[str, object] = {"_absent": _ABSENT}
    for one in every:
        name = one.name
        known[f"_set_{name}"] = vars(cls)[name].__set__
        given, default = name, ""
        if one.default is not MISSING:
            known[f"_default_{name}"] = one.default
            default = f"_default_{name}"
        elif one.default_factory is not MISSING:
            known[f"_make_{name}"] = one.default_factory
            given, default = f"_make_{name}() if {name} is _absent else {name}", "_absent"
        if one.init:
            parameters.append(f"{name}={default}" if default else name)
            steps.append(f"_set_{name}(self, {given})")
        elif default:
            raise TypeError(f"{cls.__qualname__}.{name} has a default that `__init__` can't take")
    if hasattr(cls, "__post_init__"):
        steps.append("self.__post_init__()")
    body = "\n ".join(steps or ["pass"])
    exec(f"def __init__({', '.join(parameters)}):\n {body}", known)  # noqa: S102 - as `dataclasses` does; nothing but names of fields is in it
    made: Any = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"  # what a TypeError names
    return made  # type: ignore[no-any-return]  # a function


def _reader(every: tuple[Field[Any], ...]) -> _Reader:
    """Reads what counts when two are compared."""
    names = tuple(one.name for one in every if one.compare)
    return operator.attrgetter(*names) if names else type


def _comparison(compare: Callable[[Any, Any], object], compared: _Reader) -> _Method:
    def holds(self: object, other: object) -> object:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return compare(compared(self), compared(other))

    return holds


def _hashing(compared: _Reader) -> _Method:
    def hashed(self: object) -> int:
        return hash(compared(self))

    return hashed


def _representation(names: tuple[str, ...]) -> _Method:
    def told(self: object) -> str:
        parts = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{self.__class__.__qualname__}({parts})"

    return told


def _refuse_to_set(_self: object, name: str, _content: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(_self: object, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _restore(self: object, state: tuple[None, dict[str, object]]) -> None:
    """Fill what `copy` and `pickle` made without `__init__`."""
    for name, content in state[1].items():
        object.__setattr__(self, name, content)
