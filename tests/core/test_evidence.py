"""What one look says: E1 job, E2 upgrade under way, E3 changed, E4 inconclusive, E5 negative."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from fakes.builders import NIGHT, an_id, an_instance
from offpeakd.core.evidence import (
    EARLIER,
    Doubt,
    Finding,
    Kind,
    Look,
    examine,
    stray_jobs,
    version_change,
)
from offpeakd.core.seen import Job

TICK = timedelta(microseconds=1)
DOUBT = Doubt(signed_at=NIGHT, fenced=True, whole_version="4.0.3.5")


def a_job(job_id: str = "job-1", created: datetime | None = NIGHT, status: str = "Running") -> Job:
    return Job(job_id, an_id(1), status, created_at=created)


def seen(*jobs: Job, **facts: Any) -> Finding:
    """What a look at a sound instance finds, unless told otherwise."""
    given: dict[str, Any] = {"instance": an_instance(), "jobs": jobs}
    return examine(DOUBT, Look(**{**given, **facts}))


@pytest.mark.parametrize("status", ["Running", "Completed", "Failed"])
def test_e1_a_job_since_the_signature_is_the_attempts_own(status: str) -> None:
    found = seen(a_job(status=status))

    assert found.kind is Kind.JOB
    assert found.job == a_job(status=status)


@pytest.mark.parametrize(
    ("created", "own"),
    [(NIGHT - EARLIER - TICK, False), (NIGHT - EARLIER, True), (NIGHT - EARLIER + TICK, True)],
    ids=["before", "at", "after"],
)
def test_e1_a_job_may_be_dated_two_minutes_before_the_signature(
    created: datetime, own: bool
) -> None:
    assert (seen(a_job(created=created)).kind is Kind.JOB) is own


@pytest.mark.parametrize(
    ("far", "near"),
    [(timedelta(minutes=9), -TICK), (-EARLIER, EARLIER - TICK), (EARLIER, TICK - EARLIER)],
    ids=["just before", "after, the other before", "before, the other after"],
)
def test_e1_the_job_next_to_the_signature_is_taken(far: timedelta, near: timedelta) -> None:
    jobs = a_job("far", NIGHT + far), a_job("near", NIGHT + near)

    assert seen(*jobs).job == jobs[1]
    assert seen(*reversed(jobs)).job == jobs[1]


def test_e1_a_job_that_says_too_little_hides_no_other() -> None:
    plain = a_job("plain", NIGHT + timedelta(minutes=9))

    assert seen(a_job("odd", NIGHT, "Pending"), a_job("dateless", None), plain).job == plain


def test_e1_a_job_that_others_account_for_is_nobodys_evidence() -> None:
    assert seen(a_job(), known_jobs=frozenset({"job-1"})).kind is Kind.NEGATIVE


@pytest.mark.parametrize(
    "facts",
    [
        {"instance_unread": "no answer"},
        {"instance": None},
        {"instance": an_instance(status="abnormal")},
        {"jobs_unread": "the list has no end"},
    ],
    ids=["unread", "absent", "abnormal", "half-listed"],
)
def test_e1_a_job_says_all_whatever_else_is_unclear(facts: dict[str, Any]) -> None:
    assert seen(a_job(), **facts).kind is Kind.JOB


@pytest.mark.parametrize(
    "facts",
    [{"actions": ("UPGRADE_DATABASE",)}, {"node_states": ("normal", "upgrade_database")}],
    ids=["action", "node"],
)
def test_e2_an_upgrade_under_way_shows_at_the_instance(facts: dict[str, Any]) -> None:
    assert seen(instance=an_instance(**facts)).kind is Kind.UPGRADING


@pytest.mark.parametrize(
    ("facts", "changed"),
    [
        ({"whole_version": "4.0.3.6"}, True),
        ({"whole_version": "4.0.3.5"}, False),
        ({"whole_version": None}, False),
        ({"patch_available": False}, True),
        ({"patch_available": None}, False),
    ],
    ids=["other-version", "same-version", "no-version", "no-patch-left", "no-word-of-patches"],
)
def test_e3_another_version_or_no_patch_left_shows_that_it_was_upgraded(
    facts: dict[str, Any], changed: bool
) -> None:
    found = seen(instance=an_instance(**facts))

    assert found.kind is (Kind.CHANGED if changed else Kind.NEGATIVE)
    assert found.complete


def test_e3_without_a_version_before_only_the_patch_tells() -> None:
    assert version_change(None, an_instance(whole_version="9.9")) == ""
    gone = version_change(None, an_instance(patch_available=False))
    assert gone == "no patch is left for the instance"


@pytest.mark.parametrize(
    "facts",
    [{"jobs_unread": "may not list jobs"}, {"jobs": (a_job(status="Odd"),)}],
    ids=["unread", "odd-status"],
)
def test_e3_is_not_complete_while_a_job_may_be_overlooked(facts: dict[str, Any]) -> None:
    found = seen(instance=an_instance(patch_available=False), **facts)

    assert (found.kind, found.complete) == (Kind.CHANGED, False)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"instance_unread": "no answer"}, "no answer"),
        ({"jobs_unread": "may not list jobs"}, "may not list jobs"),
        ({"instance_unread": "one", "jobs_unread": "two"}, "one; two"),
        ({"instance": None}, "the cloud shows no instance of this id"),
        (
            {"instance": an_instance(actions=("RESTARTING", "RESIZE"))},
            "the instance is busy: RESTARTING, RESIZE",
        ),
        ({"instance": an_instance(status="abnormal")}, "the instance is abnormal"),
        ({"instance": an_instance(status="")}, "the instance is without a status"),
        (
            {"instance": an_instance(node_states=("", "frozen", "normal", "backup"))},
            "a node of the instance is frozen, backup",
        ),
        (
            {"jobs": (a_job(status="Pending"), a_job("job-2", None))},
            "job job-1 has a status that is not documented: Pending",
        ),
        ({"jobs": (a_job(created=None),)}, "job job-1 does not say when it was created"),
    ],
    ids=[
        "instance-unread",
        "jobs-unread",
        "both-unread",
        "absent",
        "busy",
        "abnormal",
        "no-status",
        "node",
        "odd-job",
        "dateless-job",
    ],
)
def test_e4_what_can_not_be_read_or_be_read_in_two_ways_says_nothing(
    facts: dict[str, Any], says: str
) -> None:
    assert seen(**facts) == Finding(Kind.INCONCLUSIVE, says, complete=False)


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        ({"instance": None, "instance_unread": "no route"}, Kind.UNANSWERED),
        ({"jobs_unread": "500"}, Kind.UNANSWERED),
        ({"jobs_unread": "500", "jobs": (a_job(),)}, Kind.JOB),
        ({"jobs_unread": "500", "instance": an_instance(patch_available=False)}, Kind.CHANGED),
    ],
    ids=["nothing", "instance only", "job", "change"],
)
def test_e4_for_want_of_an_answer_only_what_was_read_counts(
    facts: dict[str, Any], kind: Kind
) -> None:
    assert seen(**facts, unanswered=True).kind is kind


def test_e5_all_read_and_no_trace_is_negative() -> None:
    assert seen() == Finding(
        Kind.NEGATIVE, "no job, no upgrade under way, the version is what it was"
    )


@pytest.mark.parametrize(
    ("facts", "finding"),
    [
        pytest.param(
            {"jobs": (a_job(),)},
            Finding(Kind.JOB, "job job-1 is Running, created 2026-11-24T02:00:00Z", a_job()),
            id="job",
        ),
        pytest.param(
            {"instance": an_instance(actions=("UPGRADE_DATABASE",), patch_available=False)},
            Finding(Kind.UPGRADING, "the instance is being upgraded", complete=False),
            id="upgrading",
        ),
        pytest.param(
            {"instance": an_instance(whole_version="4.0.3.6")},
            Finding(Kind.CHANGED, "the version 4.0.3.5 became 4.0.3.6; no job of it is listed"),
            id="another version",
        ),
        pytest.param(
            {
                "instance": an_instance(patch_available=False, status="abnormal"),
                "jobs": (a_job(created=None),),
            },
            Finding(
                Kind.CHANGED,
                "no patch is left for the instance; job job-1 does not say when it was created",
                complete=False,
            ),
            id="no patch left, and an odd job",
        ),
        pytest.param(
            {"instance": an_instance(patch_available=False), "jobs_unread": "may not list jobs"},
            Finding(
                Kind.CHANGED,
                "no patch is left for the instance; may not list jobs",
                complete=False,
            ),
            id="no patch left, and jobs not listed",
        ),
        pytest.param(
            {"instance": None, "instance_unread": "no route", "unanswered": True},
            Finding(Kind.UNANSWERED, "no route", complete=False),
            id="no answer",
        ),
    ],
)
def test_what_was_found_is_told_whole(facts: dict[str, Any], finding: Finding) -> None:
    assert seen(**facts) == finding


def test_stray_jobs_are_those_that_nobody_accounts_for_oldest_first() -> None:
    jobs = (
        a_job("young", NIGHT + timedelta(hours=1)),
        a_job("known", NIGHT),
        a_job("old", NIGHT + TICK),
        a_job("b", NIGHT),
        a_job("a", NIGHT),
        a_job("before", NIGHT - TICK),
        a_job("dateless", None),
    )

    found = stray_jobs(jobs, frozenset({"known"}), NIGHT)

    assert [job.id for job in found] == ["a", "b", "old", "young"]
