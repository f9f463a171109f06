"""Reading the job list: all its pages, as far back as it goes, by the cloud's clock."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from typing_extensions import override

from fakes.builders import NIGHT, an_id
from fakes.lane import POLICY, a_lane
from fakes.set_clock import SetClock
from offpeakd.core.evidence import EARLIER
from offpeakd.core.model import State
from offpeakd.core.seen import Job
from offpeakd.emulator.rules import Rule
from offpeakd.ports import JobPage
from offpeakd.service.job_list import LIST_SPAN, MOST_PAGES, Lister, jobs_since


@dataclass
class Pages(Lister):
    """A cloud that has nothing but pages of jobs."""

    number: int
    offset: timedelta | None = None
    asked: list[tuple[datetime, datetime, int]] = field(default_factory=list)

    @override
    def list_jobs(self, since: datetime, until: datetime, offset: int) -> JobPage:
        self.asked.append((since, until, offset))
        jobs = (Job(f"job-{offset}", an_id(1), "Running", NIGHT),)
        return JobPage(jobs, full=len(self.asked) < self.number)

    @override
    def clock_offset(self) -> timedelta | None:
        return self.offset


def test_every_page_is_read() -> None:
    cloud = Pages(3)

    listed = jobs_since(cloud, SetClock(NIGHT), NIGHT - timedelta(hours=1))

    assert [offset for _, _, offset in cloud.asked] == [0, 1, 2]
    assert [job.id for job in listed.of(an_id(1))] == ["job-0", "job-1", "job-2"]
    assert listed.complete
    assert listed.of(an_id(2)) == ()


def test_a_list_without_end_is_not_complete() -> None:
    cloud = Pages(MOST_PAGES + 1)

    assert not jobs_since(cloud, SetClock(NIGHT), NIGHT).complete
    assert len(cloud.asked) == MOST_PAGES


def test_it_goes_back_as_far_as_the_cloud_allows() -> None:
    listed = jobs_since(Pages(1), SetClock(NIGHT), NIGHT - timedelta(days=99))

    assert listed.since == NIGHT - LIST_SPAN


@pytest.mark.parametrize("offset", [timedelta(minutes=-9), None, timedelta(minutes=9)], ids=str)
def test_the_newest_job_lies_within_whichever_clock_is_ahead(offset: timedelta | None) -> None:
    cloud = Pages(1, offset)

    jobs_since(cloud, SetClock(NIGHT), NIGHT - timedelta(hours=1))

    [(_, until, _)] = cloud.asked
    assert until >= max(NIGHT, NIGHT - (offset or timedelta(0))) + EARLIER


def test_a_signature_older_than_the_list_proves_nothing() -> None:
    with a_lane(Rule(do="drop-before")) as lane:
        lane.add(1)
        lane.send()
        lane.later(LIST_SPAN)
        lane.looks(POLICY.looks)

        assert lane.states() == ["needs_review"]
        assert "29 days only" in (lane.the_one().error_message or "")


def test_a_job_that_can_not_be_asked_for_is_not_taken_for_gone() -> None:
    with a_lane(job_duration=timedelta(days=1)) as lane:
        lane.add(1)
        lane.send()
        lane.later(timedelta(days=32))
        lane.faults(Rule(do="answer-500", call="job"))
        lane.look()

        assert [one.state for one in lane.in_state()] == [State.RUNNING]


def test_the_list_is_read_before_the_opening_and_not_again_with_the_first_call() -> None:
    with a_lane() as lane:
        lane.release.strays.prepare()
        assert lane.cloud.world.received == {}
        lane.add(2)
        lane.release.strays.prepare()
        lane.send()

        assert lane.states() == ["running"] * 2
        assert lane.cloud.world.received["jobs"] == 1
