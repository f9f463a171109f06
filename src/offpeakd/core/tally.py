"""What the looks at one attempt have said so far: kept with the attempt, so that it survives."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from offpeakd.core.evidence import Finding, Kind

KEPT: Final = 8
"""Different things that looks have said, the last ones."""

_SENTENCE: Final = 300
"""Characters of a sentence that are kept."""


@dataclass(frozen=True, slots=True)
class Said:
    """Looks one after the other that said the same.

    Attributes:
        first: when the first of them began, by the cloud's clock.
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


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of looks at one attempt.

    Attributes:
        negative: that count, without a trace of an upgrade.
        changed: that count, with another version and no job.
        inconclusive: that said nothing.
        counted_at: when the last look that counts began.
        since: when an upgrade was last seen or stated; None when it never was.
        silent: how long since then, or since the first look, the cloud has given no answer.
        said: what the looks said, oldest first.
    """

    negative: int = 0
    changed: int = 0
    inconclusive: int = 0
    counted_at: datetime | None = None
    since: datetime | None = None
    silent: timedelta = timedelta(0)
    said: tuple[Said, ...] = ()

    def noting(self, at: datetime, finding: Finding) -> "Tally":
        """With one more look."""
        sentence = finding.sentence[:_SENTENCE]
        last = self.said[-1] if self.said else None
        if last is not None and (last.kind, last.sentence) == (finding.kind, sentence):
            said = (*self.said[:-1], replace(last, last=at, times=last.times + 1))
        else:
            said = (*self.said, Said(at, at, 1, finding.kind, sentence))[-KEPT:]
        inconclusive = self.inconclusive + (finding.kind is Kind.INCONCLUSIVE)
        silent = self.silent
        # From the last answer before an outage to the first one after it.
        if last is not None and Kind.UNANSWERED in {last.kind, finding.kind}:
            silent += max(at - last.last, timedelta(0))
        return replace(self, said=said, inconclusive=inconclusive, silent=silent)

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
            # Tallies of earlier versions do not have it.
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
