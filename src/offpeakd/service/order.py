"""The groups that may release now, in the order in which a lane looks at them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from offpeakd.core.agenda import Agenda, agenda
from offpeakd.core.verdicts import Situation
from offpeakd.service.rules import Rules


@dataclass(slots=True, eq=False, repr=False)
class Order:
    """Worked out once for each edge of the calendar and each configuration, not for each batch.

    A group that was found empty is passed over for one poll, so that emptying thousands of them
    doesn't begin at the first each time.
    """

    _rules: Rules | None = field(default=None, init=False)
    _agenda: Agenda | None = field(default=None, init=False)
    _head: int = field(default=0, init=False)
    _since: timedelta = field(default=timedelta(0), init=False)

    def open(self, rules: Rules, now: datetime, boottime: timedelta) -> tuple[str, ...]:
        """The groups, the one that closes first at the head; empty while nothing may be released.

        Args:
            rules: the configuration in force.
            now: wall clock, for the windows.
            boottime: for the age of what was found empty.
        """
        good = self._agenda
        if good is None or rules is not self._rules or not good.covers(now):
            situation = Situation(now, rules.calendar, rules.policy, notices=rules.notices)
            good = agenda(situation, rules.groups)
            self._rules, self._agenda, self._head = rules, good, 0
        if self._head and boottime - self._since > rules.policy.poll:
            self._head = 0
        return good.open[self._head :]

    def found(self, passed_over: int, boottime: timedelta) -> None:
        """So many groups at the head have nothing ready.

        Args:
            passed_over: of those that `open` told last.
            boottime: when that was seen.
        """
        if not self._head:
            self._since = boottime
        self._head += passed_over
