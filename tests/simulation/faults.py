"""What may happen to one upgrade call on its way, and what its answer looks like then."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from offpeakd.adapters.huaweicloud.answers import Answer
from simulation.baton import MINUTE, SECOND
from simulation.fate import Fate

READ_TIMEOUT: Final = 30 * SECOND
NEVER: Final = -1


@dataclass(frozen=True, slots=True)
class Passage:
    """One call's way to the cloud and back.

    Attributes:
        name: of what goes wrong; for the trace.
        connects: how long until the connection stands.
        fails_to_connect: nothing is sent.
        arrives: how long after the first byte the cloud has it all; `NEVER` when lost.
        answers: how long the answer takes; `NEVER` when it gets lost.
        only_first: the cloud's work breaks off after so many instances.
        mangled: what the answer becomes.
    """

    name: str
    connects: int
    arrives: int
    answers: int
    fails_to_connect: bool = False
    only_first: int | None = None
    mangled: Callable[[Answer], Answer] | None = None


def passage(fate: Fate, *, trouble: bool, instances: int) -> Passage:
    """A call's way, as the seed has it."""
    quick = Passage(
        "well",
        fate.between(0, SECOND // 5),
        fate.between(1000, SECOND // 5),
        fate.between(SECOND // 20, 3 * SECOND),
    )
    if not trouble or not fate.happens(fate.traits.trouble):
        return quick
    return fate.one_of(_FAULTS)(quick, fate, instances)


_Fault = Callable[[Passage, Fate, int], Passage]


def _mangled(name: str, change: Callable[[Answer], Answer]) -> _Fault:
    return lambda quick, _fate, _instances: replace(quick, name=name, mangled=change)


def _status(status: int, body: bytes = b"<html>") -> Callable[[Answer], Answer]:
    return lambda answer: replace(answer, status=status, body=body)


def _entries(change: Callable[[list[dict[str, Any]]], object]) -> Callable[[Answer], Answer]:
    def apply(answer: Answer) -> Answer:
        if answer.status != 202:
            return answer
        document = json.loads(answer.body)
        change(document["upgrade_results"])
        return replace(answer, body=json.dumps(document).encode())

    return apply


def _conflict(entries: list[dict[str, Any]]) -> None:
    entries.append({**entries[0], "job_id": "job-of-another-world"})


def _foreign(entries: list[dict[str, Any]]) -> None:
    entries.append({"instance_id": f"{4711:032x}in02", "job_id": "job-of-somebody-else"})


def _late(most: int) -> _Fault:
    return lambda quick, fate, _n: replace(
        quick, name="arrives late", arrives=fate.between(SECOND, most)
    )


_FAULTS: Final[tuple[_Fault, ...]] = (
    lambda quick, _f, _n: replace(quick, name="no connection", fails_to_connect=True),
    lambda quick, fate, _n: replace(
        quick, name="slow to connect", connects=fate.between(SECOND, 20 * SECOND)
    ),
    lambda quick, _f, _n: replace(quick, name="answer lost", answers=NEVER),
    lambda quick, _f, _n: replace(quick, name="call lost", arrives=NEVER, answers=NEVER),
    _late(40 * MINUTE),
    _late(15 * MINUTE),
    _late(15 * MINUTE),
    _late(15 * MINUTE),
    lambda quick, fate, _n: replace(
        quick, name="answered slowly", answers=fate.between(5 * SECOND, 40 * SECOND)
    ),
    lambda quick, fate, n: replace(
        quick,
        name="half done, then 500",
        only_first=fate.between(0, n),
        mangled=_status(500, b'{"error_code": "DBS.280005"}'),
    ),
    _mangled("done, then 500", _status(500, b'{"error_code": "DBS.280005"}')),
    _mangled("done, then 502", _status(502)),
    _mangled("done, then 504", _status(504)),
    _mangled("done, then 408", _status(408)),
    lambda quick, _f, _n: replace(
        quick,
        name="503 of the gateway",
        only_first=0,
        mangled=_status(503, b'{"error_code": "APIGW.0613"}'),
    ),
    _mangled("empty", _status(202, b"")),
    _mangled("cut", lambda answer: replace(answer, body=answer.body[: len(answer.body) // 2])),
    _mangled("200", lambda answer: replace(answer, status=200)),
    _mangled("307", _status(307, b"")),
    _mangled("lacks one", _entries(lambda entries: entries.pop(0))),
    _mangled("names one twice", _entries(lambda entries: entries.append(entries[0]))),
    _mangled("contradicts itself", _entries(_conflict)),
    _mangled("names a foreign one", _entries(_foreign)),
    _mangled("neither nor", _entries(lambda entries: entries[0].pop("job_id", None))),
    _mangled("both", _entries(lambda entries: entries[0].update(error_code="DBS.200011"))),
)
