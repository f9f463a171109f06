"""Carries out what people decide about requests that stand already."""

from collections.abc import Iterable, Mapping, Sequence

from offpeakd.core.change import Change
from offpeakd.core.intake import Already, Refusal, Rule
from offpeakd.core.model import LIVE, Request, State
from offpeakd.core.values import value
from offpeakd.ports import Ledger
from offpeakd.service.lookup import checked_name, look_up, unknown


@value
class Decided:
    """What became of a decision about one request.

    Attributes:
        name: as the person wrote it.
        request: as it stands now; None when there is no such request.
        done: whether it stands as the decision wanted.
        changed: whether this decision made it so.
        sentence: how it stands, and what is possible, where it was not changed.
    """

    name: str
    request: Request | None
    done: bool
    changed: bool
    sentence: str = ""


def decide(ledger: Ledger, names: Sequence[str], rule: Rule) -> tuple[Decided, ...]:
    """Decide about several requests; each stands for itself.

    Somebody else may move a request between the look and the write. Then it is looked at and
    decided about once more.

    Args:
        ledger: where they are.
        names: numbers or instance ids; a request named twice is decided about once.
        rule: the decision.

    Returns:
        one for each request, in the order of the names.

    Raises:
        UsageError: a name is neither a number nor an instance id; nothing is changed.
    """
    for name in names:
        checked_name(name)
    found = _distinct((name, look_up(ledger, name)) for name in names)
    first = _once(ledger, found, rule)
    lost = [(one.name, one.request.id) for one in first if one.request and _is_lost(one)]
    if not lost:
        return first
    again = _once(ledger, {name: ledger.get(number) for name, number in lost}, rule)
    second = {one.name: one for one in again}
    return tuple(second.get(one.name, one) for one in first)


_MOVED = "was changed by somebody else at this moment; look at it and try again"


def _is_lost(one: Decided) -> bool:
    return one.sentence == _MOVED


def _distinct(found: Iterable[tuple[str, Request | None]]) -> dict[str, Request | None]:
    kept: dict[str, Request | None] = {}
    seen: set[int] = set()
    for name, request in found:
        if request is None or request.id not in seen:
            kept[name] = request
        if request is not None:
            seen.add(request.id)
    return kept


def _once(ledger: Ledger, found: Mapping[str, Request | None], rule: Rule) -> tuple[Decided, ...]:
    judged: dict[str, Change | Decided] = {}
    back: dict[tuple[str, str], Request] = {}
    for name, request in found.items():
        verdict = _judge(ledger, name, request, rule)
        if isinstance(verdict, Change) and _comes_back(verdict):
            first = back.setdefault(
                (verdict.after.target, verdict.after.instance_id), verdict.after
            )
            if first is not verdict.after:
                verdict = _kept_out(name, verdict.before, first)
        judged[name] = verdict
    changes = [change for change in judged.values() if isinstance(change, Change)]
    lost = frozenset(ledger.apply(changes)) if changes else frozenset[int]()
    return tuple(
        _written(name, verdict, lost) if isinstance(verdict, Change) else verdict
        for name, verdict in judged.items()
    )


def _written(name: str, change: Change, lost: frozenset[int]) -> Decided:
    if change.before.id in lost:
        return Decided(name, change.before, done=False, changed=False, sentence=_MOVED)
    return Decided(name, change.after, done=True, changed=True)


def _judge(ledger: Ledger, name: str, request: Request | None, rule: Rule) -> Change | Decided:
    if request is None:
        return Decided(name, None, done=False, changed=False, sentence=unknown(name))
    match rule(request):
        case Change() as change:
            other = _rival(ledger, change)
            return change if other is None else _kept_out(name, request, other)
        case Already(what):
            return Decided(name, request, done=True, changed=False, sentence=what)
        case Refusal(what, possible):
            return Decided(name, request, done=False, changed=False, sentence=f"{what}. {possible}")


def _rival(ledger: Ledger, change: Change) -> Request | None:
    """A finished request may come back only where its instance has no other live one."""
    if not _comes_back(change):
        return None
    before = change.before
    latest = ledger.latest(before.instance_id)
    if latest is None or latest.id == before.id or latest.target != before.target:
        return None
    return latest if latest.state in LIVE else None


def _comes_back(change: Change) -> bool:
    return change.before.state not in LIVE and change.after.state is State.QUEUED


def _kept_out(name: str, request: Request, other: Request) -> Decided:
    sentence = (
        f"stays {request.state.value}: request {other.id} for the same instance is "
        f"{other.state.value.replace('_', ' ')} already"
    )
    return Decided(name, request, done=False, changed=False, sentence=sentence)
