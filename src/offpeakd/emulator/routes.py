"""Which method and path is which call, and who answers it."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final

from offpeakd.emulator.answers_dds import change_window, list_instances, upgrade_duration
from offpeakd.emulator.answers_iam import Account, issue_token, list_projects
from offpeakd.emulator.answers_jobs import cancel_delayed, list_delayed, list_jobs, show_job
from offpeakd.emulator.answers_upgrade import Work, upgrade_batch, upgrade_one
from offpeakd.emulator.call import Call, ids_of_batch, query_of
from offpeakd.emulator.refusals import RefusedError
from offpeakd.emulator.reply import Reply
from offpeakd.emulator.verify import Arrived, Tokens
from offpeakd.emulator.world import World

_PROJECT: Final = r"/(?P<project_id>[^/]+)"
_INSTANCE: Final = r"/instances/(?P<instance_id>[^/]+)"
_ROUTES: Final = (
    ("upgrade", "POST", rf"/v3{_PROJECT}/instances/db-upgrade"),
    ("upgrade-one", "POST", rf"/v3{_PROJECT}{_INSTANCE}/db-upgrade"),
    ("upgrade-duration", "GET", rf"/v3{_PROJECT}{_INSTANCE}/db-upgrade-duration"),
    ("maintenance-window", "PUT", rf"/v3{_PROJECT}{_INSTANCE}/maintenance-window"),
    ("token", "POST", r"/v3/auth/tokens"),
    ("projects", "GET", r"/v3/projects"),
    ("instances", "GET", rf"/v3{_PROJECT}/instances"),
    ("job", "GET", rf"/v3{_PROJECT}/jobs"),
    ("jobs", "GET", rf"/v3\.1{_PROJECT}/jobs"),
    ("scheduled-jobs", "GET", rf"/v3{_PROJECT}/scheduled-jobs"),
    ("cancel-scheduled-job", "DELETE", rf"/v3{_PROJECT}/scheduled-jobs/(?P<job_id>[^/]+)"),
)
_COMPILED: Final = tuple((kind, method, re.compile(path)) for kind, method, path in _ROUTES)
CALL_KINDS: Final = tuple(kind for kind, _, _ in _ROUTES)
UPGRADE_KINDS: Final = ("upgrade", "upgrade-one")
UNKNOWN: Final = "unknown"

_READS: Final[dict[str, Callable[[World, Call], Reply]]] = {
    "upgrade-duration": upgrade_duration,
    "maintenance-window": change_window,
    "instances": list_instances,
    "job": show_job,
    "jobs": list_jobs,
    "scheduled-jobs": list_delayed,
    "cancel-scheduled-job": cancel_delayed,
}


def recognise(arrived: Arrived, at: datetime, number: int, request_id: str) -> Call:
    """Take a call apart; one that no route knows is of the kind `unknown`."""
    for kind, method, path in _COMPILED:
        match = path.fullmatch(arrived.path) if method == arrived.method else None
        if match is not None:
            call = Call(kind, arrived, at, number, request_id, match.groupdict(), query_of(arrived))
            return call.about(_instances_of(call))
    return Call(UNKNOWN, arrived, at, number, request_id, {})


def answer(
    world: World, account: Account, tokens: Tokens, call: Call, work: Work
) -> tuple[Reply, tuple[str, ...]]:
    """Do what an admitted call asks for.

    Returns:
        the answer, and the instances whose upgrade was started.

    Raises:
        RefusedError: the cloud refuses.
    """
    match call.kind:
        case "upgrade":
            return upgrade_batch(world, call, work)
        case "upgrade-one":
            return upgrade_one(world, call, work)
        case "token":
            return issue_token(account, tokens, call), ()
        case "projects":
            return list_projects(account, call), ()
        case kind:
            return _READS[kind](world, call), ()


def _instances_of(call: Call) -> tuple[str, ...]:
    if "instance_id" in call.path:
        return (call.path["instance_id"],)
    if call.kind == "instances" and "id" in call.query:
        return (call.query["id"],)
    if call.kind != "upgrade":
        return ()
    try:
        return ids_of_batch(call.document())
    except RefusedError:
        return ()
