"""`offpeakd reconcile` and `resolve`, as people call them, in front of a pretended cloud."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.installation import Installation
from fakes.lane import POLICY, Lane
from fakes.set_clock import SetClock
from offpeakd.cli.context import Invocation
from offpeakd.cli.main import main
from offpeakd.core.model import State
from offpeakd.emulator.emulator import Emulator
from offpeakd.emulator.fleet import ORDINARY
from offpeakd.emulator.options import EmulatorSettings
from offpeakd.emulator.rules import Rule

Said = tuple[int, str, str]
Command = Callable[..., Said]


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def lane(tmp_path: Path, clock: SetClock) -> Iterator[Lane]:
    """A lane on the database of an installation."""
    settings = EmulatorSettings(instances=12, mix=ORDINARY, job_visible_after=timedelta(0))
    with Emulator(settings, clock) as cloud, Installation(tmp_path, cloud) as site:
        lane = Lane(cloud, site.store, clock)
        yield lane
        lane.client.close()


@pytest.fixture
def offpeakd(
    tmp_path: Path, lane: Lane, clock: SetClock, capsys: pytest.CaptureFixture[str]
) -> Command:
    assert lane.clock is clock

    def call(*arguments: str) -> Said:
        capsys.readouterr()
        code = main(arguments, Invocation({"SUDO_USER": "kim"}, tmp_path, clock=clock))
        caught = capsys.readouterr()
        return code, caught.out, caught.err

    return call


def doubt(lane: Lane, number: int = 1, do: str = "drop-before") -> None:
    """Requests whose answer was lost."""
    lane.faults(Rule(do=do))
    lane.add(number)
    lane.send()
    lane.faults()
    assert lane.states() == ["unknown"] * number


def to_review(lane: Lane) -> None:
    """A request that was lost twice."""
    lane.faults(Rule(do="drop-before"))
    lane.add(1)
    for _ in range(2):
        lane.send()
        lane.later(POLICY.fence + timedelta(seconds=1))
        lane.looks(POLICY.looks)
    lane.faults()
    assert lane.states() == ["needs_review"]


def test_nothing_unknown_is_said_and_ends_with_zero(offpeakd: Command) -> None:
    assert offpeakd("reconcile") == (0, "", "nothing is unknown\n")
    assert offpeakd("reconcile", "-o", "json") == (0, "[]\n", "nothing is unknown\n")


def test_what_the_cloud_started_is_adopted_and_ends_with_zero(
    offpeakd: Command, lane: Lane
) -> None:
    doubt(lane, 2, "do-then-500")

    code, out, err = offpeakd("reconcile", "--target", "prod")

    assert (code, err) == (0, "")
    for job_id in lane.job_ids():
        assert f"running with job {job_id}" in out
    assert lane.states() == ["running"] * 2


def test_an_adopted_upgrade_without_a_job_id_yet_says_so(offpeakd: Command, lane: Lane) -> None:
    doubt(lane, do="do-then-500")
    lane.faults(Rule(do="answer-500", call="jobs"))

    code, out, _ = offpeakd("reconcile")

    assert code == 5
    assert "running; its job id is looked for" in out
    assert "its job id is looked for" in offpeakd("list")[1]


def test_what_is_left_is_said_with_the_time_from_which_looks_count(
    offpeakd: Command, lane: Lane, clock: SetClock
) -> None:
    doubt(lane)
    fence = clock.now() + POLICY.fence

    code, out, err = offpeakd("reconcile")

    assert (code, err) == (3, "1 request left unknown\n")
    assert f"negative 0 of 3; the next counts from {fence:%Y-%m-%dT%H:%M}" in out
    lane.later(POLICY.fence + timedelta(seconds=1))
    assert "negative 1 of 3" in offpeakd("reconcile")[1]


def test_json_tells_what_was_found(offpeakd: Command, lane: Lane) -> None:
    doubt(lane)

    code, out, _ = offpeakd("reconcile", "-o", "json")
    [record] = json.loads(out)

    assert code == 3
    assert (record["id"], record["was"], record["state"]) == (1, "unknown", "unknown")
    assert (record["evidence"], record["job_id"]) == ("negative", None)


@pytest.mark.parametrize(
    ("fault", "code", "says", "follows"),
    [
        (Rule(do="forbidden", call="jobs"), 4, "dds:task:listAll", "says nothing"),
        (Rule(do="unauthorized", call="instances"), 4, "key", "counts for nothing"),
        (Rule(do="answer-500", call="instances"), 5, "try again later", "counts for nothing"),
    ],
    ids=["permission", "credentials", "unreachable"],
)
def test_a_read_that_fails_ends_with_its_own_code(
    offpeakd: Command, lane: Lane, fault: Rule, code: int, says: str, follows: str
) -> None:
    doubt(lane)
    lane.faults(fault)

    ended, out, err = offpeakd("reconcile")

    assert ended == code
    assert says in err
    assert follows in out


def test_a_target_that_is_stopped_is_not_asked_and_the_way_on_is_said(
    offpeakd: Command, lane: Lane
) -> None:
    doubt(lane)
    lane.faults(Rule(do="unauthorized", call="instances"))
    offpeakd("reconcile")
    lane.faults()

    code, out, err = offpeakd("reconcile")

    assert (code, out) == (3, "")
    assert "`offpeakd resume --target prod --reason TEXT`" in err


def test_an_unknown_target_is_refused(offpeakd: Command) -> None:
    code, _, err = offpeakd("reconcile", "--target", "prd")

    assert code == 2
    assert "Did you mean 'prod'?" in err


def test_show_prints_what_looks_have_said(offpeakd: Command, lane: Lane) -> None:
    doubt(lane)
    offpeakd("reconcile")
    offpeakd("reconcile")

    shown = offpeakd("show", "1")[1]
    [call] = json.loads(offpeakd("show", "1", "-o", "json")[1])["calls"]

    assert "Evidence" in shown
    assert "2      negative  no job, no upgrade under way" in shown
    assert call["evidence"]["looks"][0]["times"] == 2
    assert call["evidence"]["negative"] == 0


@pytest.mark.parametrize(
    ("became", "state", "says"),
    [
        ("started", State.RUNNING, "running; its result is followed up"),
        ("not-started", State.QUEUED, "queued again"),
        ("cancel", State.CANCELLED, "cancelled"),
    ],
)
def test_t17_a_person_resolves_a_request_and_stands_for_it(
    offpeakd: Command, lane: Lane, became: str, state: State, says: str
) -> None:
    to_review(lane)

    code, out, err = offpeakd("resolve", "1", "--as", became, "--reason", "seen in the console")

    assert (code, err) == (0, "")
    assert says in out
    assert lane.the_one().state is state
    event = lane.store.events(1)[-1]
    assert (event.kind, event.actor) == ("resolved", "kim")
    assert event.detail["reason"] == "seen in the console"
    assert lane.store.attempts(1)[-1].result.resolved_by == "kim"


def test_t17_a_cancelled_request_leaves_room_for_a_new_one(offpeakd: Command, lane: Lane) -> None:
    to_review(lane)
    offpeakd("resolve", "1", "--as", "cancel", "--reason", "not this month")
    lane.add(1)

    lane.send()

    assert lane.states() == ["cancelled", "running"]


def test_t17_started_with_its_job_is_followed_up(offpeakd: Command, lane: Lane) -> None:
    to_review(lane)
    job = lane.cloud.upgrade_elsewhere(lane.the_one().instance_id)
    assert job is not None
    offpeakd("resolve", "1", "--as", "started", "--job", job, "--reason", "it runs")
    lane.later(timedelta(minutes=1))

    lane.follow_up.run_once()

    assert lane.the_one().state is State.SUCCEEDED


def test_t17_only_what_needs_a_review_can_be_resolved(offpeakd: Command, lane: Lane) -> None:
    doubt(lane)

    code, out, err = offpeakd("resolve", "1", "--as", "cancel", "--reason", "now")

    assert (code, out) == (1, "")
    assert "is unknown: it can't be resolved" in err
    assert "offpeakd reconcile" in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("1", "--as", "cancel", "--job", "j"), "--job goes with --as started"),
        (("1", "2", "--as", "started", "--job", "j"), "one job belongs to one request"),
        (("1", "--as", "started", "--job", " "), "has blanks in it"),
        (("1", "--as", "done"), "'done' is not one of 'started', 'not-started', 'cancel'"),
    ],
    ids=["job-of-a-cancel", "job-of-two", "blank-job", "no-such-word"],
)
def test_t17_what_makes_no_sense_is_refused(
    offpeakd: Command, words: tuple[str, ...], says: str
) -> None:
    code, _, err = offpeakd("resolve", *words, "--reason", "because")

    assert code == 2
    assert says in err


@pytest.mark.parametrize("command", ["reconcile", "resolve"])
def test_help_says_what_it_does(offpeakd: Command, command: str) -> None:
    code, out, _ = offpeakd(command, "--help")

    assert code == 0
    assert "Usage: offpeakd" in out
