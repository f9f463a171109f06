"""Reads lists of instance ids: arguments, plain lists and CSV; finds every mistake at once."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from offpeakd.core.errors import UsageError
from offpeakd.core.identifiers import IdentifierError, parse_instance_id, shown
from offpeakd.core.values import value

COLUMNS: Final = (
    "instance_id",
    "target",
    "group",
    "priority",
    "not_before",
    "deadline",
    "reason",
)


@value
class Line:
    """One instance as it was asked for.

    Attributes:
        place: `file:line`; empty for an argument.
        instance_id: checked.
        cells: what the other columns of CSV say; empty ones are left out.
    """

    place: str
    instance_id: str
    cells: Mapping[str, str] = field(default_factory=dict[str, str])

    def complaint(self, what: str) -> str:
        """A sentence about this line, with its place in front."""
        return f"{self.place}: {what}" if self.place else what


@dataclass(slots=True)
class Reading:
    """What was read so far.

    Attributes:
        lines: good ones, each instance once.
        problems: sentences about the bad ones, in order.
        repeated: how many repeated an instance and were merged with it.
    """

    lines: list[Line] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    repeated: int = 0
    _seen: set[str] = field(default_factory=set)

    def take(self, place: str, text: str, cells: Mapping[str, str]) -> None:
        """Check one id and keep it."""
        try:
            instance_id = parse_instance_id(text)
        except IdentifierError as error:
            prefix = f"{place}: " if place else ""
            self.problems.append(f"{prefix}{error.what}. {error.fix}")
            return
        if instance_id in self._seen:
            self.repeated += 1
            return
        self._seen.add(instance_id)
        self.lines.append(Line(place, instance_id, cells))


def read_arguments(ids: Sequence[str], reading: Reading) -> None:
    """Take ids from the command line."""
    for text in ids:
        reading.take("", text.strip(), {})


def read_list(content: bytes, name: str, reading: Reading) -> None:
    """Take ids from a file: one a line, or CSV with a header that begins with `instance_id`.

    Blank lines and what follows a `#` are passed over in plain lists.

    Args:
        content: of the file.
        name: of the file, for messages.
        reading: gets the lines and the problems.

    Raises:
        UsageError: the file as a whole can't be read: not UTF-8, or its header is wrong.
    """
    text = _decoded(content, name)
    head = text.lstrip().split("\n", 1)[0].strip()
    if head.split(",")[0].strip().strip('"').lower() == "instance_id":
        _read_csv(text, name, reading)
        return
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.split("#", 1)[0].strip()
        if entry:
            reading.take(f"{name}:{number}", entry, {})


def read_path(path: Path) -> bytes:
    """A file's content.

    Raises:
        UsageError: it can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"can't read {path}: {error.strerror}", fix="Give a readable file, or - for stdin."
        ) from None


def _decoded(content: bytes, name: str) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name} is not UTF-8 at byte {error.start}", fix="Save it as UTF-8."
        ) from None
    if "\0" in text:
        raise UsageError(
            f"{name} has a NUL at byte {content.index(0)}", fix="Save it as plain UTF-8 text."
        )
    return text


def _read_csv(text: str, name: str, reading: Reading) -> None:
    header: list[str] | None = None
    for number, row in _numbered(text, name):
        if not any(cell.strip() for cell in row) or row[0].lstrip().startswith("#"):
            continue
        if header is None:
            header = _header(row, f"{name}:{number}")
            continue
        place = f"{name}:{number}"
        if len(row) > len(header):
            reading.problems.append(
                f"{place}: {len(row)} cells under {len(header)} headings. "
                'Put a text with commas in "quotes".'
            )
            continue
        cells = {key: cell.strip() for key, cell in zip(header, row, strict=False) if cell.strip()}
        reading.take(place, cells.pop("instance_id", ""), cells)


def _numbered(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line they begin on: a quoted text may run over several."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    begins = 1
    try:
        for row in rows:
            yield begins, row
            begins = rows.line_num + 1
    except csv.Error as error:
        raise UsageError(
            f"{name}:{begins}: not CSV: {error}", fix='Put texts with commas in "quotes".'
        ) from None


def _header(row: Sequence[str], place: str) -> list[str]:
    names = [cell.strip().lower() for cell in row]
    for name in names:
        if name not in COLUMNS:
            near = get_close_matches(name, COLUMNS, n=1)
            fix = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(COLUMNS)}."
            raise UsageError(f"{place}: unknown column {shown(name)}", fix=fix)
        if names.count(name) > 1:
            raise UsageError(f"{place}: column '{name}' stands twice", fix="Leave one out.")
    return names
