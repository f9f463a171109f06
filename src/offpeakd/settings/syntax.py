"""What a YAML parser complains about, in words that say what to do."""

import re
from typing import Final

from offpeakd.core.errors import Problem
from offpeakd.settings.plain_text import tab_problem

_QUOTE_IT: Final = 'Put the value in quotes: "…".'
_ALIGN: Final = "Let the keys of one map start in the same column, two spaces deeper than its name."
_ESCAPE: Final = "Use single quotes, in which a backslash is a backslash, or write \\\\ for each."

_MEANINGS: Final[tuple[tuple[str, str, str], ...]] = (
    (r"flow sequence.*expected ',' or '\]'", "this list has no end",
     "Close it with ], put a comma between items, and quote items that contain : or #."),
    (r"flow mapping.*expected ',' or '\}'", "this map has no end",
     "Close it with }, put a comma between entries, and quote values that contain : or #."),
    (r"node content.*stream end", "a list or a map in brackets has no end",
     "Close it with ] or }."),
    (r"flow (node|mapping|sequence).*expected the node content",
     "a value is missing between two commas or brackets", "Remove the extra comma or bracket."),
    (r"node content", "there is no value before this sign",
     "Remove the bracket or comma, or put the whole value in quotes."),
    (r"quoted scalar.*unexpected (end of stream|document separator)", "this quote is never closed",
     "Close it on the same line."),
    (r"double-quoted scalar.*escape", "a backslash in double quotes starts a special character",
     _ESCAPE),
    (r"block scalar", "text after | or > on the same line", "Start the text on the next line."),
    (r"could not find expected ':'", "expected a colon after the key",
     "Write it as `key: value`, or `key:` with its lines indented below."),
    (r"cannot start any token", "this character can't start a value", _QUOTE_IT),
    (r"block collection.*expected <block end>", "this line is neither a list item nor part of one",
     "Start each item with `- ` in the same column, and indent its other lines by two more."),
    (r"block mapping.*found '-'", "a list item stands between the keys of a map",
     "Remove the dash, or put the list under a key of its own."),
    (r"block mapping.*found '<scalar>'", "there is text after the closing quote",
     "Put the whole value in one pair of quotes."),
    (r"block mapping.*found '[\]}]'", "a closing bracket without an opening one", "Remove it."),
    (r"block mapping.*found '<block (mapping|sequence) start>'",
     "this line is indented unlike the others of its map", _ALIGN),
    (r"undefined tag handle|scanning a tag", "tags are not allowed",
     "Remove the word that starts with !, or put it in quotes."),
    (r"scanning an? (anchor|alias)", "anchors and aliases are not supported",
     "Write the value out; if it is text that starts with & or *, put it in quotes."),
    (r"directive|expected '<document start>'", "directives are not allowed",
     "Remove the line that starts with %, or put the value in quotes."),
)  # fmt: skip


def translate(
    name: str, text: str, context: str, problem: str, start: tuple[int, int], at: tuple[int, int]
) -> Problem:
    """A parser's complaint as a problem.

    Args:
        name: the file, as the user named it.
        text: of the file.
        context: what the parser was reading.
        problem: what it stumbled over.
        start: line and column where that reading began, counted from 1.
        at: line and column where it stumbled.
    """
    if "'\\t'" in problem:
        return tab_problem(name, *at)
    if "mapping values are not allowed" in problem:
        return _stray_colon(name, text.splitlines(), at)
    words = f"{context} {problem}"
    for pattern, what, fix in _MEANINGS:
        if re.search(pattern, words):
            place = start if _started(pattern) else at
            return Problem(name, *place, "", what, fix)
    what = f"this is not YAML ({problem})"
    return Problem(name, *at, "", what, "Compare with `offpeakd config init`; quote odd values.")


def _started(pattern: str) -> bool:
    return pattern.startswith(("flow sequence.*exp", "flow mapping.*exp", "quoted", "could not"))


def _stray_colon(name: str, lines: list[str], at: tuple[int, int]) -> Problem:
    """A colon where no key may stand: in a value, or because of the line before."""
    line, column = at
    if ": " in lines[line - 1][: column - 1]:
        return Problem(name, line, column, "", "a second colon in one line", _QUOTE_IT)
    above = line - 1
    while above > 0 and not _content(lines[above - 1]):
        above -= 1
    before = _content(lines[above - 1]) if above else ""
    if above and ":" not in before:
        indent = len(lines[above - 1]) - len(lines[above - 1].lstrip())
        return Problem(
            name, above, indent + 1, "", "expected a colon after the key",
            "Write it as `key: value`, or `key:` with its lines indented below.",
        )  # fmt: skip
    if above and not re.search(r":(\s|$)", before):
        at_colon = lines[above - 1].index(":") + 1
        return Problem(
            name, above, at_colon, "", "a space is missing after the colon", "Write it as `key: value`."
        )  # fmt: skip
    indent = len(lines[line - 1]) - len(lines[line - 1].lstrip())
    return Problem(
        name, line, indent + 1, "", "this line is indented too deep: the key above has a value", _ALIGN
    )  # fmt: skip


def _content(line: str) -> str:
    return "" if line.lstrip().startswith("#") else line.strip()
