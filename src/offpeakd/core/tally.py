"""What the looks at one attempt have said so far: kept with the attempt, so that it survives."""

import json
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from offpeakd.core.evidence import Finding, Kind
from offpeakd.core.values import value

KEPT: Final = 8
"""Different things that looks have said, the last ones."""

_SENTENCE: Final = 300
"""Characters of a sentence that are kept."""


@value
class Said:
    """Looks one after the other that said the same.

    Attributes:
        first: when the first of them began, by the cloud's clock; by that of whoever looked where
            the cloud had told no time yet.
        last: when the last of them began.
        times: how many they are.
        kind: what they found.
        sentence: what they found, for people.
    """

    first: datetime
    last: datetime
    times: int
    kind: Kind
    sentence: str


@value
class Tally:
    """Counts of looks at one attempt.

    Attributes:
        negative: that count, without a trace of an upgrade.
        changed: that count, with another version and no job.
        inconclusive: that said nothing.
        counted_at: when the last look that counts began.
        since: from when patience counts: an upgrade was last seen or stated, or the cloud's clock
            was heard to be behind whatever else told; None while it counts from the call.
        heard: when the last look that the cloud answered began; None before the first.
        silent: how long in all, since patience counts, the cloud has given no answer.
        said: what the looks said, oldest first.
    """

    negative: int = 0
    changed: int = 0
    inconclusive: int = 0
    counted_at: datetime | None = None
    since: datetime | None = None
    heard: datetime | None = None
    silent: timedelta = timedelta(0)
    said: tuple[Said, ...] = ()

    def noting(self, at: datetime, finding: Finding, since: datetime) -> "Tally":
        """With one more look.

        Args:
            at: when it began.
            finding: what it found.
            since: from when patience counts.
        """
        sentence = finding.sentence[:_SENTENCE]
        last = self.said[-1] if self.said else None
        if last is not None and (last.kind, last.sentence) == (finding.kind, sentence):
            said = (*self.said[:-1], replace(last, last=at, times=last.times + 1))
        else:
            said = (*self.said, Said(at, at, 1, finding.kind, sentence))[-KEPT:]
        inconclusive = self.inconclusive + (finding.kind is Kind.INCONCLUSIVE)
        noted = self if finding.kind is Kind.UNANSWERED else self._hearing(at, since)
        return replace(noted, said=said, inconclusive=inconclusive)

    def _hearing(self, at: datetime, since: datetime) -> "Tally":
        """With an answer, which tells the cloud's time: the one clock that every look shares.

        An outage lasts from the last answer before it to the first one after it. What was noted
        in between has no say: a daemon that has heard nothing yet has only its own clock, and two
        of them would add up their difference at every turn.
        """
        silent = self.silent
        if self.said and self.said[-1].kind is Kind.UNANSWERED:
            silent += max(at - (self.heard or since), timedelta(0))
        # Whatever it began by, it was no longer than all the time there was.
        silent = min(silent, max(at - since, timedelta(0)))
        return replace(self, since=at if at < since else self.since, heard=at, silent=silent)

    def text(self) -> str:
        """As it is stored: JSON of bounded size."""
        return json.dumps(asdict(self), default=_written, ensure_ascii=False)

    @classmethod
    def read(cls, text: str | None) -> Self:
        """A stored tally.

        One that can't be read counts nothing: waiting anew is always safe.
        """
        if not text:
            return cls()
        try:
            return cls._from(json.loads(text))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            return cls()

    @classmethod
    def _from(cls, stored: dict[str, Any]) -> Self:
        return cls(
            negative=int(stored["negative"]),
            changed=int(stored["changed"]),
            inconclusive=int(stored["inconclusive"]),
            counted_at=_instant(stored["counted_at"]),
            since=_instant(stored["since"]),
            # Tallies of earlier versions do not have the next two.
            heard=_instant(stored.get("heard")),
            silent=timedelta(seconds=stored.get("silent", 0)),
            said=tuple(
                Said(
                    datetime.fromisoformat(one["first"]),
                    datetime.fromisoformat(one["last"]),
                    int(one["times"]),
                    Kind(one["kind"]),
                    str(one["sentence"]),
                )
                for one in stored["said"]
            ),
        )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _written(value: object) -> str | float:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(f"{type(value).__name__} has no place in a tally")
