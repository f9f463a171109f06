"""`why` leaves no reason to wait out."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

from click.testing import CliRunner

from fakes.builders import NIGHT
from fakes.set_clock import SetClock
from offpeakd import app
from offpeakd.cli.context import Invocation
from offpeakd.cli.main import cli
from offpeakd.cli.why import CONDITIONS
from offpeakd.core.model import Request, State
from offpeakd.core.verdicts import Code

INSTANCE = "046287aae57843b1a7bc61b7a8812f41in02"


def test_every_reason_to_wait_breaks_one_condition() -> None:
    broken = Counter(code for one in CONDITIONS for code in one.broken_by)

    assert broken == Counter(set(Code) - {Code.NEXT})


def test_a_call_that_nobody_heard_an_answer_to_is_told_with_its_end(tmp_path: Path) -> None:
    (tmp_path / "offpeakd.yaml").write_text(
        "timezone: UTC\n"
        "targets: {prod: {region: eu-west-101, project_id: 054e292c9880d4992f02c0196d3ea468}}\n"
        "windows: {always: {always: true}}\n"
        "database: {url: 'sqlite:///o.db'}\n"
    )
    store = app.open_store(app.load_settings(None, {}, tmp_path), {})
    fence = NIGHT + timedelta(minutes=18)
    failed = Request(
        *("prod", INSTANCE, NIGHT), state=State.FAILED, finished_at=NIGHT, fenced_until=fence
    )
    store.add([failed], "kim")
    store.close()

    say(tmp_path, "add", "--target", "prod", INSTANCE)

    words = "an earlier call for the instance was never answered, and may still reach the cloud"
    assert f"   no  its own time has come: {words}" in say(tmp_path, "why", INSTANCE)
    record = json.loads(say(tmp_path, "why", INSTANCE, "-o", "json"))
    assert record["verdict"] == "unanswered-call"
    assert record["next_possible"] == "2026-11-24T02:18:00Z"


def say(folder: Path, *words: str) -> str:
    """What a command prints."""
    surroundings = Invocation(environ={"SUDO_USER": "kim"}, cwd=folder, clock=SetClock(NIGHT))
    try:
        return CliRunner().invoke(cli, words, obj=surroundings).output
    finally:
        surroundings.close()
