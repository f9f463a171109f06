"""What the commands say of requests in every state."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from fakes.builders import NIGHT
from fakes.set_clock import SetClock
from offpeakd import app
from offpeakd.cli.context import Invocation
from offpeakd.cli.main import cli
from offpeakd.core.batch import Batch, BatchResult, as_claimed
from offpeakd.core.model import Request, State
from offpeakd.core.outcomes import Accepted, Outcome, Unclear
from offpeakd.core.policy import Policy
from offpeakd.core.seen import Job
from offpeakd.core.settle import settle, settle_job

INSTANCE = "046287aae57843b1a7bc61b7a8812f41in02"
RESULT = BatchResult("answered", NIGHT, NIGHT, 202, "cloud-1")


def say(folder: Path, *words: str) -> str:
    """What a command prints."""
    surroundings = Invocation(environ={"SUDO_USER": "kim"}, cwd=folder, clock=SetClock(NIGHT))
    try:
        return CliRunner().invoke(cli, words, obj=surroundings).output
    finally:
        surroundings.close()


def after(folder: Path, outcome: Outcome | None, job: Job | None = None) -> None:
    """An installation whose one request has come so far."""
    (folder / "offpeakd.yaml").write_text(
        "timezone: UTC\n"
        "targets: {prod: {region: eu-west-101, project_id: 054e292c9880d4992f02c0196d3ea468}}\n"
        "windows: {always: {always: true}}\n"
        "database: {url: 'sqlite:///o.db'}\n"
    )
    store = app.open_store(app.load_settings(None, {}, folder), {})
    (added,) = store.add([Request("prod", INSTANCE, NIGHT)], "kim")
    batch = Batch(
        id="b",
        target="prod",
        group="default",
        requests=(added.request,),
        attempt_ids=("a",),
        owner="me",
        windows=("always",),
        opening_start=None,
        opening_end=None,
        signed_at=NIGHT,
        fenced=True,
        body_sha256="",
        config_hash="c",
        tzdata_version="z",
        instance_versions=("4.0.3",),
    )
    assert store.claim(batch)
    (claimed,) = as_claimed(batch)
    if outcome is not None:
        store.record("b", RESULT, [settle(claimed, outcome, RESULT, Policy())])
    if job is not None:
        running = store.get(added.request.id)
        assert running is not None
        change = settle_job(running, job, NIGHT)
        assert change is not None
        store.apply([change])
    store.close()


ACCEPTED = Accepted("job-1")


@pytest.mark.parametrize(
    ("outcome", "job", "state", "says"),
    [
        (None, None, State.SUBMITTING, "being sent"),
        (Unclear("read time-out"), None, State.UNKNOWN, "is being found out"),
        (ACCEPTED, None, State.RUNNING, "job job-1"),
        (ACCEPTED, Job("job-1", INSTANCE, "Running", progress="9%"), State.RUNNING, "9%"),
        (ACCEPTED, Job("job-1", INSTANCE, "Completed"), State.SUCCEEDED, "now"),
        (
            ACCEPTED,
            Job("job-1", INSTANCE, "Failed", fail_reason="disk full"),
            State.FAILED,
            "job-failed disk full",
        ),
    ],
    ids=["submitting", "unknown", "running", "progress", "succeeded", "failed"],
)
def test_list_show_and_why_tell_how_it_stands(
    tmp_path: Path, outcome: Outcome | None, job: Job | None, state: State, says: str
) -> None:
    after(tmp_path, outcome, job)

    listed = say(tmp_path, "list")
    assert state.value in listed
    assert says in listed
    assert state.value in say(tmp_path, "show", "1")
    assert state.value in say(tmp_path, "why", INSTANCE)
    assert '"state": "' + state.value in say(tmp_path, "list", "-o", "json")
    assert state.value.upper() in say(tmp_path, "status")


def test_a_failure_stands_on_the_list_until_it_is_acknowledged(tmp_path: Path) -> None:
    after(tmp_path, ACCEPTED, Job("job-1", INSTANCE, "Failed", fail_reason="disk full"))

    assert "disk full" in say(tmp_path, "failures")
    assert "disk full" in say(tmp_path, "failures", "-o", "csv")
    assert "1 need" in say(tmp_path, "status")
    say(tmp_path, "ack", "1", "--reason", "mended by hand")
    assert "disk full" not in say(tmp_path, "failures")
