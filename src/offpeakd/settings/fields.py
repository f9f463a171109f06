"""The kinds of values settings have: what each accepts, and what it says when it does not.

Every kind refuses by a sentence and a way out of its own, so that no message of the library is
ever shown, and none can carry a value that should stay hidden.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainSerializer,
    WithJsonSchema,
)

from offpeakd.core.durations import format_duration, parse_duration
from offpeakd.core.endpoints import validate_endpoint
from offpeakd.core.identifiers import parse_project_id
from offpeakd.core.selectors import (
    parse_dates,
    parse_days,
    parse_local_time,
    parse_moment,
    parse_month_day,
    parse_months,
    parse_offset,
    parse_yearly,
    parse_zone,
)
from offpeakd.settings.words import SettingError, did_you_mean, looks_like_key, named

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def text(value: object) -> str:
    """Accepts text alone: what a number or a truth value was meant to be can't be known."""
    if isinstance(value, str):
        if value.strip():
            return value
        raise SettingError("expected text, got an empty one", "Remove the key, or fill it in.")
    fix = "Put it in quotes." if isinstance(value, bool | int | float) else "Write one word here."
    raise SettingError(f"expected text, got {named(value)}", fix)


def duration(value: object) -> timedelta:
    """Accepts text with a unit, such as `45m`."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise SettingError(
            f"expected a duration, got {named(value)}", "Write it like 90s, 45m, 4h."
        )
    return parse_duration(value)


def time_text(value: object) -> str:
    """Accepts text: numbers are what other YAML loaders make of an unquoted time."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise SettingError(
            f"expected a time, got {named(value)}", 'Write times in quotes: "22:00".'
        )
    return text(value)


def opening_time(value: str) -> str:
    """Accepts `HH:MM`."""
    parse_local_time(value, end=False)
    return value


def closing_time(value: str) -> str:
    """Accepts `HH:MM` and `24:00`."""
    parse_local_time(value, end=True)
    return value


def moment(value: object) -> str:
    """Accepts a day or a day with a time, as text or as the object a YAML loader made of it."""
    if isinstance(value, datetime | date):
        value = value.isoformat()
    written = text(value)
    parse_moment(written)
    return written


def whole(value: object) -> int:
    """Accepts a whole number, as variables have it also in digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and value.isascii():
        return int(value) if len(value) <= len(str(10**15)) else 10**15
    fix = "Write digits alone, such as 10."
    raise SettingError(f"expected a whole number, got {named(value)}", fix)


def truth(value: object) -> bool:
    """Accepts true and false."""
    words = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise SettingError(f"expected true or false, got {named(value)}", "Write true or false.")


def items(value: object) -> Sequence[object]:
    """Accepts a list, and one item or several with commas between them for a list."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    elif isinstance(value, int | date) and not isinstance(value, bool):
        value = [value]
    if not isinstance(value, list | tuple):
        raise SettingError(f"expected a list, got {named(value)}", "Write it like [first, second].")
    if not value:
        raise SettingError("the list is empty", "Remove the key, or name at least one.")
    return value  # pyright: ignore[reportUnknownVariableType] - its items are checked one by one


def hidden_text(value: object) -> str:
    """Accepts text, and shows nothing of anything else: it may be a password put here by mistake."""
    if isinstance(value, str) and value.strip():
        return value
    raise SettingError("expected text, got something else", "Put it in quotes.")


def key_file(value: str) -> str:
    """Accepts a file's name, and refuses what looks like the key itself."""
    if looks_like_key(value):
        raise SettingError(
            "this looks like the key itself, not like the name of a file",
            "Put the key in a file and write the file's name here.",
        )
    if "\0" in value or value.endswith("/"):
        raise SettingError("this is not the name of a file", "Write a file's name.")
    return value


def name(value: str) -> str:
    """Accepts what can stand in an argument, a metric's label and a variable's name."""
    if not _NAME.fullmatch(value):
        raise SettingError(
            f"{named(value)} can't be a name",
            "Use up to 63 letters, digits, dots, dashes and underscores; begin with a letter or digit.",
        )
    return value


def keeps(parse: Callable[[str], object]) -> AfterValidator:
    """A text that stays as it is once the parser accepts it."""

    def check(value: str) -> str:
        parse(value)
        return value

    return AfterValidator(check)


def between(lowest: int, highest: int, why: str = "") -> AfterValidator:
    """Limits of a whole number."""

    def check(value: int) -> int:
        if lowest <= value <= highest:
            return value
        reason = f" ({why})" if why else ""
        raise SettingError(
            f"{value} is out of range", f"Write a number from {lowest} to {highest}{reason}."
        )

    return AfterValidator(check)


def at_least(shortest: timedelta) -> AfterValidator:
    """Limits of a duration."""

    def check(value: timedelta) -> timedelta:
        if value >= shortest:
            return value
        raise SettingError(
            f"{format_duration(value)} is too short", f"Write at least {format_duration(shortest)}."
        )

    return AfterValidator(check)


def one_of(*words: str) -> AfterValidator:
    """A text out of a closed list."""

    def check(value: str) -> str:
        if value not in words:
            raise SettingError(f"{named(value)} is not known here", did_you_mean(value, words))
        return value

    return AfterValidator(check)


def _month_day(value: object) -> int:
    day = whole(value)
    parse_month_day(day)
    return day


_DURATION_SCHEMA: Final = {
    "type": "string",
    "pattern": r"^([0-9]+(d|h|m|s|ms))+$",
    "description": "A duration with its unit: 500ms, 90s, 45m, 4h, 3d, 1h30m.",
}

Text = Annotated[str, BeforeValidator(text)]
Name = Annotated[str, AfterValidator(name)]
Whole = Annotated[int, BeforeValidator(whole)]
Truth = Annotated[bool, BeforeValidator(truth)]
Zone = Annotated[Text, AfterValidator(parse_zone)]
Hidden = Annotated[str, BeforeValidator(hidden_text)]
KeyFile = Annotated[Hidden, AfterValidator(key_file)]
ProjectId = Annotated[Text, AfterValidator(parse_project_id)]
Endpoint = Annotated[Text, AfterValidator(validate_endpoint)]
Moment = Annotated[str, BeforeValidator(moment)]
Yearly = Annotated[Text, keeps(parse_yearly)]
Offset = Annotated[Text, keeps(parse_offset)]
OpeningTime = Annotated[str, AfterValidator(opening_time), BeforeValidator(time_text)]
ClosingTime = Annotated[str, AfterValidator(closing_time), BeforeValidator(time_text)]
Duration = Annotated[
    timedelta,
    BeforeValidator(duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema(_DURATION_SCHEMA),
]
Pause = Annotated[Duration, at_least(timedelta(0))]
Period = Annotated[Duration, at_least(timedelta(milliseconds=1))]

Days = Annotated[tuple[Annotated[Text, keeps(parse_days)], ...], BeforeValidator(items)]
Months = Annotated[tuple[Annotated[Text, keeps(parse_months)], ...], BeforeValidator(items)]
Dates = Annotated[tuple[Annotated[Text, keeps(parse_dates)], ...], BeforeValidator(items)]
MonthDays = Annotated[
    tuple[Annotated[int, BeforeValidator(_month_day)], ...], BeforeValidator(items)
]
Names = Annotated[tuple[Text, ...], BeforeValidator(items)]
