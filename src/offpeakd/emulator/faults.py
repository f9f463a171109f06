"""A checked set of rules: what tests, `offpeakd emulate --faults` and `demo` make faults of."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

from offpeakd.core.errors import UsageError
from offpeakd.core.grammar import nearest, quoted
from offpeakd.emulator.effects import FAULTS, Needs, Scope
from offpeakd.emulator.routes import CALL_KINDS
from offpeakd.emulator.rules import ANY_CALL, Rule

CALLS: Final = (*CALL_KINDS, ANY_CALL)
_LEAST_STATUS: Final = 200
_MOST_STATUS: Final = 599
_INSTANCE_ID: Final = re.compile(r"[0-9a-f]{32}in02")


class Complaint(NamedTuple):
    """What is wrong with one key of a rule.

    Attributes:
        key: as a file writes it.
        what: what is wrong, without a final full stop.
        fix: how to mend it.
    """

    key: str
    what: str
    fix: str


@dataclass(frozen=True)
class Faults:
    """Rules in the order of their right to strike; the first one that strikes a call has it.

    Attributes:
        rules: see there.
        seed: for those that strike by chance.

    Raises:
        UsageError: at making, when a rule can't be.
    """

    rules: tuple[Rule, ...] = ()
    seed: int = 1

    def __post_init__(self) -> None:
        for number, rule in enumerate(self.rules):
            for complaint in complaints(rule):
                key = f"faults.{number}.{complaint.key}"
                raise UsageError(f"{key}: {complaint.what}", fix=complaint.fix)


NO_FAULTS: Final = Faults()


def complaints(rule: Rule) -> Iterator[Complaint]:
    """Everything wrong with one rule."""
    fault = FAULTS.get(rule.do)
    if fault is None:
        yield _unknown("do", rule.do, tuple(FAULTS))
        return
    if rule.call not in CALLS:
        yield _unknown("call", rule.call, CALLS)
    elif fault.scope is Scope.BATCH and rule.call != "upgrade":
        what = f"{rule.do} strikes the batch upgrade call alone, not {rule.call}"
        yield Complaint("call", what, "Write `call: upgrade`, or leave it out.")
    yield from _missing(rule, fault.needs)
    yield from _out_of_bounds(rule)


def _unknown(key: str, given: str, known: tuple[str, ...]) -> Complaint:
    meant = nearest(given, known)
    fix = f"Did you mean {meant}?" if meant else f"Use one of: {', '.join(known)}."
    return Complaint(key, f"unknown {'fault' if key == 'do' else 'call'} {quoted(given)}", fix)


def _missing(rule: Rule, needs: Iterable[Needs]) -> Iterator[Complaint]:
    given = {
        Needs.FOR: rule.wait,
        Needs.INSTANCE: rule.instance,
        Needs.STATUS: rule.status,
        Needs.CODE: rule.code,
    }
    examples = {
        Needs.FOR: "for: 3s",
        Needs.INSTANCE: "instance: " + "0" * 31 + "1in02",
        Needs.STATUS: "status: 400",
        Needs.CODE: "code: DBS.200019",
    }
    for need in needs:
        if given[need] is None:
            what = f"{rule.do} needs {need.value}"
            yield Complaint(need.value, what, f"Add such as `{examples[need]}`.")


def _out_of_bounds(rule: Rule) -> Iterator[Complaint]:
    yield from _wrong_choice(rule)
    if rule.status is not None and not _LEAST_STATUS <= rule.status <= _MOST_STATUS:
        yield Complaint("status", f"status is {rule.status}", "Write one from 200 to 599.")
    if rule.instance is not None and not _INSTANCE_ID.fullmatch(rule.instance):
        what = f"{quoted(rule.instance)} is no instance id"
        yield Complaint("instance", what, "Write 32 hex digits and in02.")
    for key, time in (("for", rule.wait), ("retry_after", rule.retry_after)):
        if time is not None and time < timedelta(0):
            yield Complaint(key, f"{key} is negative", "Write such as 3s.")


def _wrong_choice(rule: Rule) -> Iterator[Complaint]:
    choices = {"nth": rule.nth, "every": rule.every, "probability": rule.probability}
    chosen = [key for key, value in choices.items() if value is not None]
    if len(chosen) > 1:
        what = f"{' and '.join(chosen)} exclude each other"
        yield Complaint(chosen[1], what, "Keep one of them.")
    for key, number in (("nth", rule.nth), ("every", rule.every), ("times", rule.times)):
        if number is not None and number < 1:
            yield Complaint(key, f"{key} is {number}", "Write a number from 1.")
    if rule.probability is not None and not 0 <= rule.probability <= 1:
        what = f"probability is {rule.probability}"
        yield Complaint("probability", what, "Write a number from 0 to 1.")
