"""In which order a lane looks at the groups, and how seldom that is worked out."""

from dataclasses import replace
from datetime import timedelta

from fakes.builders import NIGHT, always, nightly
from offpeakd.core.calendar import Calendar
from offpeakd.core.policy import Policy
from offpeakd.service.order import Order
from offpeakd.service.rules import Rules

POLICY = Policy(guard=timedelta(0), poll=timedelta(seconds=5))
WINDOWS = {one.name: one for one in (always(), nightly(), nightly(name="late", start="03:00"))}
GROUPS = {"default": ("always",), "night": ("nightly",), "late": ("late",)}
RULES = Rules(Calendar(WINDOWS, (), GROUPS), POLICY, {}, "c", "z")
BOOT = timedelta(hours=9)
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)


def test_groups_found_empty_are_passed_over_for_one_poll_and_no_longer() -> None:
    order = Order()
    assert order.open(RULES, NIGHT, BOOT) == ("night", "default")
    order.found(1, BOOT)
    assert order.open(RULES, NIGHT, BOOT) == ("default",)
    order.found(1, BOOT + TICK)
    assert order.open(RULES, NIGHT, BOOT + POLICY.poll) == ()
    assert order.open(RULES, NIGHT, BOOT + POLICY.poll + TICK) == ("night", "default")


def test_an_edge_of_the_calendar_begins_anew() -> None:
    order = Order()
    order.open(RULES, NIGHT, BOOT)
    order.found(2, BOOT)
    assert order.open(RULES, NIGHT + HOUR - TICK, BOOT) == ()
    assert order.open(RULES, NIGHT + HOUR, BOOT) == ("late", "night", "default")


def test_a_clock_set_back_and_a_reload_are_looked_through_at_once() -> None:
    order = Order()
    assert order.open(RULES, NIGHT + HOUR, BOOT) == ("late", "night", "default")
    assert order.open(RULES, NIGHT, BOOT) == ("night", "default")
    shut = replace(RULES, notices={"night": NIGHT + HOUR})
    assert order.open(shut, NIGHT, BOOT) == ("default",)
    frozen = replace(RULES, calendar=Calendar({"late": WINDOWS["late"]}, (), {"late": ("late",)}))
    assert order.open(frozen, NIGHT, BOOT) == ()
