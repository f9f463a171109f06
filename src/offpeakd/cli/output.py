"""Writes tables, JSON, JSON lines, CSV and ids to standard output; notes to standard error."""

import csv
import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, TextIO

from offpeakd.cli.safe_text import display_width, shortened

Json = str | int | float | bool | None | Sequence["Json"] | Mapping[str, "Json"]
Record = Mapping[str, Json]

GAP: Final = "  "


class Format(StrEnum):
    """What `-o` takes."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    IDS = "ids"


def say(text: str) -> None:
    """A sentence for a person, on standard error."""
    sys.stderr.write(f"{text}\n")


def write_object(record: Json) -> None:
    """One JSON value, indented."""
    sys.stdout.write(json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def write_records(records: Iterable[Record], form: Format, keys: Sequence[str], key: str) -> None:
    """Records one after the other as they come, so that memory stays flat.

    Args:
        records: with at least these keys.
        form: any but a table.
        keys: the columns of CSV.
        key: what `ids` prints.
    """
    out = sys.stdout
    match form:
        case Format.JSON:
            _write_array(records, out)
        case Format.JSONL:
            for record in records:
                out.write(json.dumps(record, ensure_ascii=False) + "\n")
        case Format.CSV:
            rows = csv.writer(out, lineterminator="\n")
            rows.writerow(keys)
            rows.writerows([record[name] for name in keys] for record in records)
        case Format.IDS:
            for record in records:
                out.write(f"{record[key]}\n")
        case Format.TABLE:
            raise ValueError("a table is written by write_table")


def _write_array(records: Iterable[Record], out: TextIO) -> None:
    before = "[\n"
    for record in records:
        out.write(before + "  " + json.dumps(record, ensure_ascii=False))
        before = ",\n"
    out.write("[]\n" if before == "[\n" else "\n]\n")


def write_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns two spaces apart, without borders; shortened only where a terminal ends."""
    for line in table_lines(heads, list(rows), terminal_width(sys.stdout)):
        sys.stdout.write(line + "\n")


def table_lines(
    heads: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None
) -> list[str]:
    """A table's lines.

    Args:
        heads: titles of the columns.
        rows: one text a column.
        width: where lines end; None means nowhere.
    """
    every = [heads, *rows]
    widths = [max(display_width(row[column]) for row in every) for column in range(len(heads))]
    lines = [
        GAP.join(
            text + " " * (widths[column] - display_width(text)) for column, text in enumerate(row)
        ).rstrip()
        for row in every
    ]
    return lines if width is None else [shortened(line, width) for line in lines]


def terminal_width(stream: TextIO) -> int | None:
    """Columns of the terminal a stream goes to; None where it goes elsewhere."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def count_of(number: int, noun: str, plural: str = "") -> str:
    """`1 request`, `4,950 requests`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
