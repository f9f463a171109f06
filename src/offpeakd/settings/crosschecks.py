"""Rules that no section can check by itself: names that have to exist, pairs that have to differ.

They look at what was written rather than at validated settings, so that they find their problems
also in a configuration that has others.
"""

from collections.abc import Iterator

from offpeakd.core.endpoints import EndpointError, endpoint_for, parse_region, validate_endpoint
from offpeakd.core.errors import Problem
from offpeakd.core.model import DEFAULT_GROUP
from offpeakd.settings.tree import Branch, Leaf, Node, Path, Place, Row, branch, child
from offpeakd.settings.words import did_you_mean, named


def crosscheck(root: Branch, *, whole: bool) -> Iterator[Problem]:
    """Everything that does not go together.

    Args:
        root: files and variables, merged.
        whole: whether every file could be read; else a name may exist where it can't be seen.
    """
    if whole:
        yield from _names_of_windows(root)
        yield from _names_of_groups(root)
    yield from _freezes_twice(root)
    yield from _regions(root)
    yield from _targets_twice(root)


def _names_of_windows(root: Branch) -> Iterator[Problem]:
    known = branch(root, "windows").entries
    for group, entry in branch(root, "groups").entries.items():
        path = ("groups", group, "windows")
        for text, place, where in _texts(child(entry.node, "windows"), path):
            if text not in known:
                yield place.problem(where, f"no window {named(text)}", did_you_mean(text, known))


def _names_of_groups(root: Branch) -> Iterator[Problem]:
    known = {DEFAULT_GROUP, *branch(root, "groups").entries}
    for index, freeze in enumerate(_items(child(root, "freezes"))):
        path = ("freezes", index, "groups")
        for text, place, where in _texts(child(freeze, "groups"), path):
            if text not in known:
                yield place.problem(where, f"no group {named(text)}", did_you_mean(text, known))


def _freezes_twice(root: Branch) -> Iterator[Problem]:
    first: dict[str, Place] = {}
    for index, freeze in enumerate(_items(child(root, "freezes"))):
        name = child(freeze, "name")
        if not isinstance(name, Leaf) or not isinstance(name.value, str):
            continue
        before = first.setdefault(name.value, name.place)
        if before != name.place:
            what = f"a second freeze {named(name.value)}, the first at line {before.line}"
            path = ("freezes", index, "name")
            yield name.place.problem(path, what, "Give each freeze a name of its own.")


def _regions(root: Branch) -> Iterator[Problem]:
    for target, entry in branch(root, "targets").entries.items():
        region = child(entry.node, "region")
        text = _text(region)
        if region is None or not text:
            continue
        try:
            parse_region(text)
        except EndpointError as error:
            lacking = _lacking_address(entry.node)
            if not lacking:
                continue
            what, fix = error.what, error.fix
            if lacking == "iam_endpoint":
                fix = "Give its `iam_endpoint` too: the password is sent there for a token."
            yield region.place.problem(("targets", target, "region"), what, fix)


def _lacking_address(target: Node) -> str:
    """The address that a target of an unknown region has to give and does not."""
    if not _text(child(target, "endpoint")):
        return "endpoint"
    by_password = _text(child(child(target, "credentials"), "type")) == "password"
    return "iam_endpoint" if by_password and not _text(child(target, "iam_endpoint")) else ""


def _targets_twice(root: Branch) -> Iterator[Problem]:
    first: dict[tuple[str, str], str] = {}
    for name, entry in branch(root, "targets").entries.items():
        project = _text(child(entry.node, "project_id"))
        address = _address(entry.node)
        if not project or not address:
            continue
        before = first.setdefault((address, project), name)
        if before != name:
            what = f"the same project at the same address as target {named(before)}"
            fix = "Keep one of the two: limits and claims are counted for each target by itself."
            yield entry.place.problem(("targets", name), what, fix)


def _address(target: Node) -> str:
    try:
        given = _text(child(target, "endpoint"))
        return validate_endpoint(given) if given else endpoint_for(_text(child(target, "region")))
    except EndpointError:
        return ""


def _items(node: Node | None) -> list[Node]:
    return node.items if isinstance(node, Row) else []


def _text(node: Node | None) -> str:
    return node.value if isinstance(node, Leaf) and isinstance(node.value, str) else ""


def _texts(node: Node | None, path: Path) -> Iterator[tuple[str, Place, Path]]:
    """The names of a list, or of one text with commas."""
    if isinstance(node, Leaf) and isinstance(node.value, str):
        for part in node.value.split(","):
            yield part.strip(), node.place, path
    for index, item in enumerate(_items(node)):
        text = _text(item)
        if text:
            yield text, item.place, (*path, index)
