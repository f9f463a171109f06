"""Sections of windows, freezes and groups, and the core values they stand for."""

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from offpeakd.core.selectors import (
    GrammarError,
    parse_dates,
    parse_days,
    parse_local_time,
    parse_moment,
    parse_month_day,
    parse_months,
    parse_offset,
    parse_yearly,
)
from offpeakd.core.windows import Freeze, Window
from offpeakd.settings.fields import (
    ClosingTime,
    Dates,
    Days,
    Moment,
    MonthDays,
    Months,
    Name,
    Names,
    Offset,
    OpeningTime,
    Pause,
    Period,
    Text,
    Truth,
    Yearly,
    Zone,
)
from offpeakd.settings.section import Section
from offpeakd.settings.words import SettingError


class WindowSection(Section):
    """A recurring time in which upgrades may be released."""

    days: Days | None = Field(
        default=None,
        description="Days on which it opens: mon, mon-thu, sat-mon, daily, sat#2, fri#-1.",
    )
    month_days: MonthDays | None = Field(
        default=None, description="Days of the month on which it opens; -1 is the last."
    )
    months: Months | None = Field(
        default=None, description="Months in which it opens: jan, jan-oct."
    )
    dates: Dates | None = Field(
        default=None, description="Days on which it opens: 2026-12-28 or 2026-12-28..2026-12-30."
    )
    offset: Offset = Field(
        default="0d",
        description="Days between the day that the selectors choose and the one it opens.",
    )
    start: OpeningTime | None = Field(
        None, alias="from", description="Local time at which it opens, HH:MM."
    )
    end: ClosingTime | None = Field(
        None,
        alias="to",
        description="Local time at which it closes; at or before `from` means the next day.",
    )
    length: Period | None = Field(
        None, alias="for", description="Elapsed time for which it is open, instead of `to`."
    )
    cutoff: Pause = Field(
        default=timedelta(0), description="Time before its end at which nothing more is released."
    )
    timezone: Zone | None = Field(default=None, description="IANA zone; default: the top one.")
    always: Truth = Field(default=False, description="Open at all times; stands alone.")

    @model_validator(mode="after")
    def _is_one_window(self) -> Self:
        self.window("window", "UTC")
        return self

    def window(self, name: str, zone: str) -> Window:
        """The core's window.

        Args:
            name: its key.
            zone: of the configuration, for a window without its own.

        Raises:
            GrammarError: its parts don't make a window.
            SettingError: its cutoff leaves nothing of it.
        """
        whole = Window(
            name=name,
            zone=self.timezone or zone,
            days=tuple(parse_days(item) for item in self.days or ()),
            month_days=tuple(parse_month_day(item) for item in self.month_days or ()),
            months=frozenset(month for item in self.months or () for month in parse_months(item)),
            dates=tuple(parse_dates(item) for item in self.dates or ()),
            offset_days=parse_offset(self.offset),
            start=None if self.start is None else parse_local_time(self.start, end=False),
            end=None if self.end is None else parse_local_time(self.end, end=True),
            length=self.length,
            always=self.always,
        )
        try:
            return replace(whole, cutoff=self.cutoff)
        except GrammarError as error:
            raise SettingError(error.what, error.fix, key="cutoff") from None


class FreezeSection(Section):
    """A span in which nothing is released, whatever the windows say."""

    name: Name = Field(description="What messages call it.")
    reason: Text = Field(default="", description="Why, for whoever asks why nothing happens.")
    start: Moment | None = Field(
        None, alias="from", description="First day, or local time: 2026-12-20, 2026-12-20T18:00."
    )
    end: Moment | None = Field(
        None, alias="to", description="Last day, included; or local time, excluded."
    )
    yearly: Yearly | None = Field(default=None, description="Days of every year: 11-01..11-12.")
    month_days: MonthDays | None = Field(
        default=None, description="Days of every month; -1 is the last."
    )
    timezone: Zone | None = Field(default=None, description="IANA zone; default: the top one.")
    groups: Names | None = Field(default=None, description="Groups it holds; default: every group.")

    @model_validator(mode="after")
    def _is_one_freeze(self) -> Self:
        self.freeze("UTC")
        return self

    def freeze(self, zone: str) -> Freeze:
        """The core's freeze.

        Args:
            zone: of the configuration, for a freeze without its own.

        Raises:
            GrammarError: its parts don't make a freeze.
        """
        return Freeze(
            name=self.name,
            reason=self.reason,
            zone=self.timezone or zone,
            start=None if self.start is None else parse_moment(self.start),
            end=None if self.end is None else parse_moment(self.end),
            yearly=None if self.yearly is None else parse_yearly(self.yearly),
            month_days=tuple(parse_month_day(item) for item in self.month_days or ()),
            groups=self.groups or (),
        )


class GroupSection(Section):
    """Requests that share windows."""

    windows: Names | None = Field(
        default=None, description="Names of its windows; default: every window."
    )
    description: Annotated[Text, Field(description="For people.")] = ""
