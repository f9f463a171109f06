"""Every fault by name, and what it does to the call it strikes."""

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from datetime import timedelta
from enum import Enum
from typing import Final

from offpeakd.core.values import value
from offpeakd.emulator.answers_upgrade import Entries, Extent, Work
from offpeakd.emulator.call import Call
from offpeakd.emulator.cloud_model import Entry
from offpeakd.emulator.refusals import (
    Layer,
    RefusedError,
    bad_signature,
    bad_token,
    broken,
    iam_refuses,
    no_permission,
    parameter,
    throttled,
    timed_out,
)
from offpeakd.emulator.reply import Ending, Reply, refusal_reply
from offpeakd.emulator.rules import Rule

FOREIGN_INSTANCE: Final = "f" * 32 + "in02"
OTHER_JOB: Final = "ffffffff-ffff-4fff-bfff-ffffffffffff"
ELSEWHERE: Final = "http://127.0.0.1:9/elsewhere"
"""Where the redirect leads: the discard port of this machine, so that nobody is bothered."""

_NO_TIME: Final = timedelta(0)
_HTML: Final = b"<!DOCTYPE html><html><body><h1>Bad gateway</h1></body></html>"


class Scope(Enum):
    """Which calls a fault can strike."""

    BATCH = "batch"
    """Only the batch upgrade call."""
    ALL = "all"


class Needs(Enum):
    """Parameters of a rule that a fault can't do without."""

    FOR = "for"
    INSTANCE = "instance"
    STATUS = "status"
    CODE = "code"


def _as_it_is(reply: Reply) -> Reply:
    return reply


@value
class Effect:
    """What happens to one call.

    Attributes:
        fault: the fault's name; None when none struck.
        work: what the service does; None when the call never reaches it.
        refusal: answered instead of what the service says.
        headers: that go with the refusal.
        shape: what becomes of the answer.
        wait_before: before the service sees the call.
        wait_after: before the answer goes out.
    """

    fault: str | None = None
    work: Work | None = field(default_factory=Work)
    refusal: RefusedError | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    shape: Callable[[Reply], Reply] = _as_it_is
    wait_before: timedelta = _NO_TIME
    wait_after: timedelta = _NO_TIME

    def after_work(self, reply: Reply, request_id: str) -> Reply:
        """The answer as it goes out, from the one that the service gave."""
        if self.refusal is not None:
            reply = refusal_reply(self.refusal, request_id, self.headers)
        return self.shape(reply)


NO_EFFECT: Final = Effect()


@value
class Fault:
    """One kind of fault.

    Attributes:
        summary: what it does, for people.
        make: its effect on a call that a rule strikes.
        scope: which calls it can strike.
        needs: parameters of the rule it can't do without.
    """

    summary: str
    make: Callable[[Rule, Call], Effect]
    scope: Scope = Scope.ALL
    needs: tuple[Needs, ...] = ()


def effect_of(rule: Rule, call: Call) -> Effect:
    """What a rule does to the call it strikes."""
    return replace(FAULTS[rule.do].make(rule, call), fault=rule.do)


# --------------------------------------------------------------------------- how they are made


def _wait(rule: Rule) -> timedelta:
    return rule.wait or _NO_TIME


def _always(effect: Effect) -> Callable[[Rule, Call], Effect]:
    return lambda _rule, _call: effect


def _ends(ending: Ending, *, works: bool) -> Callable[[Rule, Call], Effect]:
    work = Work() if works else None
    return _always(Effect(work=work, shape=lambda reply: replace(reply, ending=ending)))


def _refuses(error: RefusedError, work: Work | None = None) -> Callable[[Rule, Call], Effect]:
    return _always(Effect(work=work, refusal=error))


def _tells(change: Callable[[Entries, int], Entries]) -> Callable[[Rule, Call], Effect]:
    """A fault of the batch answer's lines; the victim is the rule's instance, else the first."""

    def make(rule: Rule, _call: Call) -> Effect:
        def tell(entries: Entries) -> Entries:
            ids = [entry.instance_id for entry in entries]
            return change(entries, ids.index(rule.instance) if rule.instance in ids else 0)

        return Effect(work=Work(tell=tell))

    return make


def _put(entries: Entries, index: int, *instead: Entry) -> Entries:
    return (*entries[:index], *instead, *entries[index + 1 :])


def _repeated(entries: Entries, index: int) -> Entries:
    return _put(entries, index, entries[index], entries[index])


def _foreign(entries: Entries, _index: int) -> Entries:
    return (*entries, Entry(FOREIGN_INSTANCE, job_id=OTHER_JOB))


def _conflicting(entries: Entries, index: int) -> Entries:
    other = replace(entries[index], job_id=OTHER_JOB, error_code=None, error_message=None)
    return _put(entries, index, entries[index], other)


def _neither(entries: Entries, index: int) -> Entries:
    return _put(entries, index, Entry(entries[index].instance_id))


def _both(entries: Entries, index: int) -> Entries:
    victim = entries[index]
    both = Entry(
        victim.instance_id,
        job_id=victim.job_id or OTHER_JOB,
        error_code=victim.error_code or "DBS.200011",
        error_message=victim.error_message or "The status of DB instance does not allow it.",
    )
    return _put(entries, index, both)


def _missing(entries: Entries, index: int) -> Entries:
    return _put(entries, index)


def _refuse_one(rule: Rule, call: Call) -> Effect:
    victim = rule.instance or next(iter(call.instance_ids), "")
    refusal = (rule.code or "", rule.message or "Refused as told.")
    return Effect(work=Work(refuse={victim: refusal}))


def _answer_own(rule: Rule, call: Call) -> Effect:
    status = rule.status or 500
    code = rule.code or f"HTTP.{status}"
    layer = Layer.GATEWAY if code.startswith("APIG") else Layer.SERVICE
    if _is_iam(call):
        layer = Layer.IAM
    message = rule.message or "Answered as told."
    return Effect(work=None, refusal=RefusedError(status, code, message, layer))


def _throttle(rule: Rule, _call: Call) -> Effect:
    headers: dict[str, str] = {}
    if rule.retry_after is not None:
        headers["Retry-After"] = f"{rule.retry_after.total_seconds():.0f}"
    return Effect(work=None, refusal=throttled(60), headers=headers)


def _unauthorized(_rule: Rule, call: Call) -> Effect:
    if _is_iam(call):
        return Effect(work=None, refusal=iam_refuses(401, "The request has not been authorized."))
    with_token = "x-auth-token" in call.arrived.headers
    error = bad_token("as told") if with_token else bad_signature("as told")
    return Effect(work=None, refusal=error)


def _forbidden(_rule: Rule, call: Call) -> Effect:
    refusal = iam_refuses(403, "Forbidden.") if _is_iam(call) else no_permission()
    return Effect(work=None, refusal=refusal)


def _later(rule: Rule, _call: Call) -> Effect:
    work = Work(extent=Extent.LATER, later_by=_wait(rule))
    return Effect(work=work, refusal=timed_out())


def _is_iam(call: Call) -> bool:
    return call.kind in {"token", "projects"}


def _hidden(rule: Rule, _call: Call) -> Effect:
    return Effect(work=Work(hidden_for=_wait(rule)))


def _emptied(reply: Reply) -> Reply:
    return replace(reply, body=b"")


def _as_html(reply: Reply) -> Reply:
    return replace(reply, body=_HTML, content_type="text/html")


def _redirected(_reply: Reply) -> Reply:
    return Reply(307, headers={"Location": ELSEWHERE})


_CUT = _ends(Ending.CUT, works=True)
_EMPTY = _always(Effect(shape=_emptied))

FAULTS: Final[Mapping[str, Fault]] = {
    "answer-500": Fault("answers 500, does nothing", _refuses(broken())),
    "do-then-500": Fault("does the work, answers 500", _refuses(broken(), Work())),
    "do-then-504": Fault("does the work, answers 504", _refuses(timed_out(), Work())),
    "half-then-500": Fault(
        "does the first half of the instances, answers 500",
        _refuses(broken(), Work(extent=Extent.HALF)),
        Scope.BATCH,
    ),
    "504-then-do": Fault(
        "answers 504, does the work `for` later", _later, Scope.BATCH, (Needs.FOR,)
    ),
    "do-then-drop": Fault("does the work, ends the connection", _ends(Ending.DROPPED, works=True)),
    "do-then-reset": Fault("does the work, resets the connection", _ends(Ending.RESET, works=True)),
    "drop-before": Fault("ends the connection, does nothing", _ends(Ending.DROPPED, works=False)),
    "reset": Fault("resets the connection, does nothing", _ends(Ending.RESET, works=False)),
    "swallow": Fault("does the work, never answers", _ends(Ending.SILENT, works=True)),
    "swallow-before": Fault("does nothing, never answers", _ends(Ending.SILENT, works=False)),
    "empty-202": Fault("does the work, answers without a body", _EMPTY, Scope.BATCH),
    "cut-202": Fault("does the work, breaks off within the body", _CUT, Scope.BATCH),
    "empty": Fault("answers without a body", _EMPTY),
    "cut": Fault("breaks off within the body", _CUT),
    "html": Fault("does the work, answers with a page of HTML", _always(Effect(shape=_as_html))),
    "missing-id": Fault("leaves one instance out of the answer", _tells(_missing), Scope.BATCH),
    "repeat-id": Fault("names one instance twice, alike", _tells(_repeated), Scope.BATCH),
    "foreign-id": Fault("adds an instance nobody asked for", _tells(_foreign), Scope.BATCH),
    "conflict-id": Fault(
        "names one instance twice, with two jobs", _tells(_conflicting), Scope.BATCH
    ),
    "neither": Fault("one instance has neither job nor error", _tells(_neither), Scope.BATCH),
    "both": Fault("one instance has both job and error", _tells(_both), Scope.BATCH),
    "refuse-id": Fault("refuses one instance with `code`", _refuse_one, Scope.BATCH, (Needs.CODE,)),
    "poison-400": Fault(
        "answers 400 to every call that has `instance` in it",
        _refuses(parameter("The parameters are invalid.")),
        Scope.BATCH,
        (Needs.INSTANCE,),
    ),
    "answer": Fault("answers `status` with `code`", _answer_own, needs=(Needs.STATUS,)),
    "throttle": Fault("answers 429, with `retry_after` if given", _throttle),
    "unauthorized": Fault("answers 401", _unauthorized),
    "forbidden": Fault("answers 403, permission missing", _forbidden),
    "redirect": Fault(
        "answers 307 to another address", _always(Effect(work=None, shape=_redirected))
    ),
    "delay": Fault(
        "waits `for`, then does the work",
        lambda rule, _call: Effect(wait_before=_wait(rule)),
        needs=(Needs.FOR,),
    ),
    "do-then-delay": Fault(
        "does the work, waits `for`, then answers",
        lambda rule, _call: Effect(wait_after=_wait(rule)),
        needs=(Needs.FOR,),
    ),
    "job-invisible": Fault(
        "hides the new jobs from all listings `for`", _hidden, Scope.BATCH, (Needs.FOR,)
    ),
}
"""Every fault by its name in a rule."""
