"""A validation library's errors as problems: at their place, in our words, without inputs."""

from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from offpeakd.core.errors import Problem
from offpeakd.settings.schema import keys_under
from offpeakd.settings.tree import Branch, Leaf, Node, Path, Place, Row, child, plain
from offpeakd.settings.words import did_you_mean, named

_KEY: Final = "[key]"
_KINDS_OF_CREDENTIALS: Final = ("access_key", "password", "token_file", "ecs_agency")
_NAMED: Final = {"windows": "weeknights", "targets": "prod", "groups": "databases"}
_EXAMPLES: Final = {
    "timezone": "timezone: Europe/Amsterdam",
    "targets": "targets: {prod: {region: eu-west-101, project_id: …}}",
    "region": "region: eu-west-101",
    "project_id": "project_id: 054e292c9880d4992f02c0196d3ea468",
    "name": "name: year-end",
    "listen": "listen: 127.0.0.1:8417",
    "access_key_file": "access_key_file: prod.ak",
    "secret_key_file": "secret_key_file: prod.sk",
    "password_file": "password_file: prod.password",
    "path": "path: prod.token",
    "user": "user: upgrades",
    "domain": "domain: the-account",
}
_SECRETS: Final = {
    "access_key": "access_key_file",
    "access_key_id": "access_key_file",
    "ak": "access_key_file",
    "secret_key": "secret_key_file",
    "secret_access_key": "secret_key_file",
    "sk": "secret_key_file",
    "secret": "secret_key_file",
    "security_token": "security_token_file",
    "password": "password_file",
    "token": "token_file",
    "api_token": "token_file",
}
_ABSENT: Final = frozenset({"missing", "too_short", "union_tag_not_found"})
_MAP_WANTED: Final = frozenset({"model_type", "model_attributes_type", "dict_type"})


def problems_of(error: ValidationError, root: Branch, *, whole: bool) -> list[Problem]:
    """Every error with the place of its key or value.

    Args:
        error: from validating what `root` says.
        root: files and variables, merged.
        whole: whether every file could be read; else nothing can be said to be missing.
    """
    details = error.errors(include_url=False, include_input=False)
    return [_problem(detail, root) for detail in details if whole or detail["type"] not in _ABSENT]


def _problem(detail: ErrorDetails, root: Branch) -> Problem:
    cause = (detail.get("ctx") or {}).get("error")
    what, fix = getattr(cause, "what", None), getattr(cause, "fix", None)
    key = getattr(cause, "key", "")
    loc = _without_variant(detail["loc"])
    if key or detail["type"] == "union_tag_invalid":
        loc = (*loc, key or "type")
    at_key = detail["type"] == "extra_forbidden" or loc[-1:] == (_KEY,)
    path, place, node = _locate(root, [part for part in loc if part != _KEY], at_key=at_key)
    if not isinstance(what, str) or not isinstance(fix, str):
        what, fix = _sentence(detail["type"], path, node)
    return place.problem(path, what, fix if fix.endswith((".", "?")) else f"{fix}.")


def _locate(root: Branch, parts: list[int | str], *, at_key: bool) -> tuple[Path, Place, Node]:
    """Where an error's location lies in what was written.

    The library's location also names variants of a union, which nobody wrote, and keys that are
    missing; the place is then the one of the map they are missing from.
    """
    node: Node = root
    place = root.place
    path: list[str | int] = []
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        below = child(node, part)
        if below is None:
            if last:
                path.append(part)
            continue
        place = below.place
        if isinstance(node, Branch) and (isinstance(below, Branch) or (at_key and last)):
            place = node.entries[str(part)].place
        path.append(part)
        node = below
    return tuple(path), place, node


def _without_variant(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """A location less the library's name of the kind of credentials, which nobody wrote as a key."""
    if loc[:1] == ("targets",) and loc[2:3] == ("credentials",):
        return (*loc[:3], *loc[4:])
    return loc


def _sentence(kind: str, path: Path, node: Node) -> tuple[str, str]:
    """What is wrong, and the way out, for the errors the library finds by itself."""
    key = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        return _unknown_key(key, path)
    if kind == "missing":
        return "missing", _example(key)
    if kind == "too_short":
        return "no entry", _example(key)
    if kind.startswith("union_tag"):
        return _credentials_kind(kind, node)
    return _wrong_shape(kind, path, node)


def _credentials_kind(kind: str, node: Node) -> tuple[str, str]:
    if kind == "union_tag_not_found":
        return "type is missing", f"Add one of type: {', '.join(_KINDS_OF_CREDENTIALS)}."
    what = f"{named(plain(node))} is no kind of credentials"
    return what, did_you_mean(str(plain(node)), _KINDS_OF_CREDENTIALS)


def _wrong_shape(kind: str, path: Path, node: Node) -> tuple[str, str]:
    key = str(path[-1]) if path else ""
    if kind in _MAP_WANTED:
        got = "text" if key == "credentials" and isinstance(node, Leaf) else named(plain(node))
        return f"expected a map, got {got}", _map_hint(key, path, node)
    fix = f"Start each item with a dash: `- name: …` below `{key}:`."
    return f"expected a list, got {named(plain(node))}", fix


def _unknown_key(key: str, path: Path) -> tuple[str, str]:
    what = f"unknown key {named(key)}"
    file_key = _SECRETS.get(key.lower().replace("-", "_"))
    known = keys_under(path[:-1])
    if file_key and file_key in known:
        return what, f"Put the secret in a file and name the file in {file_key}."
    if file_key:
        return what, "Keep secrets out of this file; a key of `credentials` names a file with one."
    return what, did_you_mean(key, known)


def _map_hint(key: str, path: Path, node: Node) -> str:
    if isinstance(node, Row):
        if path[:-1] == () and key in _NAMED:
            return (
                f"Remove the dashes and give each its name: `{_NAMED[key]}:` with its keys below."
            )
        return "Remove the dashes: the keys of one map stand below each other without them."
    keys = sorted(keys_under(path), key=lambda name: (name != "type", name))
    if keys:
        return f"Write its keys below it, indented: {', '.join(keys[:3])} and so on."
    return (
        f"Write a name below it, indented, and its keys below that: `{_NAMED.get(key, 'name')}:`."
    )


def _example(key: str) -> str:
    example = _EXAMPLES.get(key)
    return f"Add it, such as `{example}`." if example else "Add it."
