"""Rules that say when which call is struck by which fault."""

from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Final

from offpeakd.emulator.call import Call

ANY_CALL: Final = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of fault, and the calls it strikes: every one that fits, unless told otherwise.

    Attributes:
        do: name of the fault.
        call: kind of call it strikes; `any` for all.
        instance: only calls about this instance; the fault's victim, too.
        nth: only the nth call that fits, counted from 1.
        every: only each so-manieth call that fits.
        probability: strikes by chance, from 0 to 1.
        times: strikes so often at the most.
        wait: the time that a fault of waiting, lateness or hiding takes (`for` in a file).
        retry_after: what a throttling answer asks for.
        status: HTTP status of an answer of one's own.
        code: error code of an answer, or of an entry, of one's own.
        message: text that goes with `code`.
    """

    do: str
    call: str = "upgrade"
    instance: str | None = None
    nth: int | None = None
    every: int | None = None
    probability: float | None = None
    times: int | None = None
    wait: timedelta | None = None
    retry_after: timedelta | None = None
    status: int | None = None
    code: str | None = None
    message: str | None = None

    def fits(self, call: Call) -> bool:
        """Whether the call is one that the rule counts."""
        if self.call not in {ANY_CALL, call.kind}:
            return False
        return self.instance is None or self.instance in call.instance_ids


@dataclass(slots=True)
class _Count:
    fitted: int = 0
    struck: int = 0


class RuleBook:
    """Rules with how often each has struck. The first rule that strikes a call has it alone."""

    def __init__(self, rules: tuple[Rule, ...], seed: int) -> None:
        self._counts = [(rule, _Count()) for rule in rules]
        self._rng = Random(seed)  # noqa: S311 - chance of a pretended fault

    def strike(self, call: Call) -> Rule | None:
        """The rule that strikes the call, if one does. Every rule that fits counts it."""
        striking = [
            (rule, count)
            for rule, count in self._counts
            if rule.fits(call) and self._due(rule, count)
        ]
        if not striking:
            return None
        rule, count = striking[0]
        count.struck += 1
        return rule

    def _due(self, rule: Rule, count: _Count) -> bool:
        count.fitted += 1
        if rule.times is not None and count.struck >= rule.times:
            return False
        if rule.nth is not None:
            return count.fitted == rule.nth
        if rule.every is not None:
            return count.fitted % rule.every == 0
        return rule.probability is None or self._rng.random() < rule.probability
