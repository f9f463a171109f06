"""Files that are no YAML, or more YAML than a configuration needs, each with the whole message."""

from pathlib import Path
from typing import Final

import pytest

from settings.configuration_text import TARGET, WHOLE, WINDOW, ZONE, complaint

CASES: Final[dict[str, tuple[str | bytes, list[str]]]] = {
    "same-key-twice": (
        WHOLE + "timezone: Europe/Amsterdam\n",
        ["offpeakd.yaml:10:1: duplicate key 'timezone', first at line 1. Keep one of the two."],
    ),
    "tab": (
        ZONE + ("targets:\n\tprod: {}\n"),
        ["offpeakd.yaml:3:1: tabs are not allowed. Use spaces, two for each level."],
    ),
    "anchor-and-alias": (
        ZONE + TARGET + ("windows:\n  a: &x {from: 22:00, to: 23:00}\n  b: *x\n"),
        [
            "offpeakd.yaml:7:6: anchors and aliases are not supported. Write the value out; if it is text that starts with & or *, put it in quotes.",
            "offpeakd.yaml:8:6: anchors and aliases are not supported. Write the value out; if it is text that starts with & or *, put it in quotes.",
        ],
    ),
    "two-thousand-brackets": (
        "a: " + "[" * 2000,
        [
            "offpeakd.yaml:1:35: nested too deep (at most 32 levels). Remove the extra brackets or indentation."
        ],
    ),
    "too-large": (
        "#" * (256 * 1024 + 1),
        [
            "offpeakd.yaml: the file is larger than 256 KiB. Keep windows and freezes here; instances are queued with `offpeakd add`."
        ],
    ),
    "tag-that-would-run-code": (
        "timezone: !!python/object/apply:os.system [x]\n" + TARGET + WINDOW,
        [
            "offpeakd.yaml:1:11: tags are not allowed. Remove the word that starts with !, or put it in quotes.",
            "offpeakd.yaml:1:11: timezone: expected text, got a list. Write one word here.",
        ],
    ),
    "not-utf-8": (
        b"timezone: Europe\xff\n",
        ["offpeakd.yaml:1:17: not UTF-8 at byte 17. Save the file as UTF-8."],
    ),
    "nul-byte": (
        b"timezone: Europe\x00\n",
        [
            "offpeakd.yaml:1:17: a NUL byte at byte 17. Remove it; the file may be damaged or may not be a text file."
        ],
    ),
    "indented-too-deep": (
        ZONE + ("targets:\n  prod:\n    region: eu-west-101\n     project_id: x\n"),
        [
            "offpeakd.yaml:5:6: this line is indented too deep: the key above has a value. Let the keys of one map start in the same column, two spaces deeper than its name."
        ],
    ),
    "indented-unlike-its-neighbours": (
        ZONE + ("targets:\n  prod:\n    region: eu-west-101\n   project_id: x\n"),
        [
            "offpeakd.yaml:5:4: this line is indented unlike the others of its map. Let the keys of one map start in the same column, two spaces deeper than its name."
        ],
    ),
    "no-colon": (
        "timezone Europe/Amsterdam\n" + TARGET,
        [
            "offpeakd.yaml:1:1: expected a colon after the key. Write it as `key: value`, or `key:` with its lines indented below."
        ],
    ),
    "two-colons": (
        "timezone: a: b\n",
        ['offpeakd.yaml:1:12: a second colon in one line. Put the value in quotes: "…".'],
    ),
    "no-space-after-the-colon": (
        "timezone:Europe/Amsterdam\n" + TARGET + WINDOW,
        ["offpeakd.yaml:1:9: a space is missing after the colon. Write it as `key: value`."],
    ),
    "second-document": (
        ZONE + ("---\ntimezone: Europe/Amsterdam\n"),
        [
            "offpeakd.yaml:2:1: a second document starts here. Keep one document in a file; put more settings into conf.d/*.yaml."
        ],
    ),
    "quote-never-closed": (
        'timezone: "Europe\n' + TARGET,
        ["offpeakd.yaml:1:11: this quote is never closed. Close it on the same line."],
    ),
    "brace-never-closed": (
        ZONE + TARGET + ("windows:\n  n: {from: 22:00, to: 23:00\nlog: {level: info}\n"),
        [
            "offpeakd.yaml:7:6: this map has no end. Close it with }, put a comma between entries, and quote values that contain : or #."
        ],
    ),
    "star-in-a-list": (
        ZONE + TARGET + ("windows:\n  n: {days: [*], from: 22:00, to: 23:00}\n"),
        [
            "offpeakd.yaml:7:15: anchors and aliases are not supported. Write the value out; if it is text that starts with & or *, put it in quotes."
        ],
    ),
    "percent-sign": (
        ZONE + TARGET + "windows: %x\n",
        ['offpeakd.yaml:6:10: this character can\'t start a value. Put the value in quotes: "…".'],
    ),
    "at-sign": (
        ZONE + TARGET + "windows: @x\n",
        ['offpeakd.yaml:6:10: this character can\'t start a value. Put the value in quotes: "…".'],
    ),
    "backslash-in-double-quotes": (
        'timezone: "C:\\q"\n',
        [
            "offpeakd.yaml:1:15: a backslash in double quotes starts a special character. Use single quotes, in which a backslash is a backslash, or write \\\\ for each."
        ],
    ),
    "no-key": (
        WHOLE + ": x\n",
        [
            "offpeakd.yaml:10:1: a key is missing before the colon. Write it as `key: value`; put a value that starts with [ or { in quotes."
        ],
    ),
    "list-as-key": (
        ZONE + "[a, b]: x\n",
        [
            "offpeakd.yaml:2:1: a key has to be text, not a list or a map. Write it as `key: value`; put a value that starts with [ or { in quotes."
        ],
    ),
    "text-after-the-quote": (
        "timezone: 'a' b\n",
        [
            "offpeakd.yaml:1:15: there is text after the closing quote. Put the whole value in one pair of quotes."
        ],
    ),
    "bracket-too-many": (
        ZONE + "log: }\n",
        [
            "offpeakd.yaml:2:6: there is no value before this sign. Remove the bracket or comma, or put the whole value in quotes."
        ],
    ),
    "nothing-between-two-commas": (
        ZONE + "log: [a,,b]\n",
        [
            "offpeakd.yaml:2:9: a value is missing between two commas or brackets. Remove the extra comma or bracket."
        ],
    ),
    "text-after-a-bar": (
        ("timezone: | x\n  y\n"),
        [
            "offpeakd.yaml:1:13: text after | or > on the same line. Start the text on the next line."
        ],
    ),
    "directive": (
        ("%YAML 1.1\n---\ntimezone: x\n"),
        [
            "offpeakd.yaml:2:1: directives are not allowed. Remove the line that starts with %.",
            "offpeakd.yaml:3:11: timezone: unknown time zone 'x'. Write an IANA name such as Europe/Berlin, Asia/Shanghai or UTC.",
        ],
    ),
}


@pytest.mark.parametrize(("text", "messages"), CASES.values(), ids=CASES)
def test_is_refused_with_its_place_and_a_way_out(
    tmp_path: Path, text: str | bytes, messages: list[str]
) -> None:
    assert complaint(tmp_path, text).splitlines() == messages
