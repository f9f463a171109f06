"""Answers about jobs, running and scheduled, as the DDS API pages describe them."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from offpeakd.emulator.call import Call
from offpeakd.emulator.cloud_model import UPGRADE_JOB, DdsJob, DelayedUpgrade
from offpeakd.emulator.refusals import no_resource, parameter
from offpeakd.emulator.reply import Reply, json_reply
from offpeakd.emulator.world import World

JOB_STATES: Final = ("Running", "Completed", "Failed")
LONGEST_RANGE: Final = timedelta(days=30)


def show_job(world: World, call: Call) -> Reply:
    """`GET /v3/{project_id}/jobs?id=`: nested instance, `created` and `ended`."""
    job_id = call.query.get("id")
    if not job_id:
        raise parameter("Parameter id is mandatory.")
    job = world.find_job(job_id, call.at)
    if job is None:
        raise no_resource()
    document = {
        "id": job.id,
        "name": UPGRADE_JOB,
        "status": job.status,
        "created": _written(job.created),
        "ended": _ended(job, call.at),
        "progress": _progress(job, call.at),
        "instance": {"id": job.instance_id, "name": job.instance_name},
        "fail_reason": _fail_reason(job),
    }
    return json_reply(200, {"job": document})


def list_jobs(world: World, call: Call) -> Reply:
    """`GET /v3.1/{project_id}/jobs`: flat rows, `created_at` and `ended_at`, no total."""
    start, end = call.moment_of("start_time"), call.moment_of("end_time")
    if not timedelta(0) <= end - start <= LONGEST_RANGE:
        raise parameter("start_time and end_time must be in order and at most 30 days apart.")
    if call.query.get("status", JOB_STATES[0]) not in JOB_STATES:
        raise parameter("Parameter status must be Running, Completed or Failed.")
    offset, limit = call.number_of("offset", 0, 0), call.number_of("limit", 100, 1, 100)
    found = _matching(world.jobs(call.at), call, start, end)
    rows = [_row(job, call.at) for job in islice(found, offset, offset + limit)]
    return json_reply(200, {"jobs": rows})


def list_delayed(world: World, call: Call) -> Reply:
    """`GET /v3/{project_id}/scheduled-jobs`: upgrades that the cloud itself starts later."""
    offset, limit = call.number_of("offset", 0, 0), call.number_of("limit", 10, 1, 100)
    wanted = (("job_status", "status"), ("instance_id", "instance_id"))
    found = [
        one
        for one in world.delayed()
        if all(
            call.query.get(name, getattr(one, field)) == getattr(one, field)
            for name, field in wanted
        )
    ]
    rows = [_schedule(world, one) for one in found[offset : offset + limit]]
    return json_reply(200, {"total_count": len(found), "schedules": rows})


def cancel_delayed(world: World, call: Call) -> Reply:
    """`DELETE /v3/{project_id}/scheduled-jobs/{job_id}`: only what is still pending."""
    if not world.cancel_delayed(call.path["job_id"]):
        raise no_resource()
    return Reply(200)


def _matching(
    jobs: Iterable[DdsJob], call: Call, start: datetime, end: datetime
) -> Iterator[DdsJob]:
    name, status, job_id = (call.query.get(key) for key in ("name", "status", "id"))
    if name not in {None, UPGRADE_JOB}:
        return
    for job in jobs:
        fits = status in {None, job.status} and job_id in {None, job.id}
        if fits and start <= job.created.replace(microsecond=0) <= end:
            yield job


def _row(job: DdsJob, now: datetime) -> dict[str, object]:
    return {
        "id": job.id,
        "name": UPGRADE_JOB,
        "instance_id": job.instance_id,
        "instance_name": job.instance_name,
        "status": job.status,
        "progress": _progress(job, now),
        "fail_reason": _fail_reason(job),
        "created_at": _written(job.created),
        "ended_at": _ended(job, now),
    }


def _schedule(world: World, one: DelayedUpgrade) -> dict[str, str]:
    instance = world.find(one.instance_id)
    return {
        "job_id": one.id,
        "job_name": UPGRADE_JOB,
        "job_status": one.status,
        "instance_id": one.instance_id,
        "instance_name": "" if instance is None else instance.name,
        "instance_status": "" if instance is None else instance.status,
        "create_time": _written(one.asked_at),
        "start_time": _written(one.starts_at),
        "end_time": "",
    }


def _written(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


def _ended(job: DdsJob, now: datetime) -> str:
    """A running job has an end too, the last sign of it: the API page's own example shows one."""
    return _written(job.ends if job.done else max(job.created, now))


def _progress(job: DdsJob, now: datetime) -> str:
    if job.done:
        return ""
    share = (now - job.created) / max(job.ends - job.created, timedelta(microseconds=1))
    return f"{min(99, max(0, int(100 * share)))}%"


def _fail_reason(job: DdsJob) -> str | None:
    return job.fail_reason if job.done else None
