"""Every fault by name, over real connections."""

import json
from datetime import timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from fakes.set_clock import SetClock
from offpeakd.core.errors import ConfigurationError
from offpeakd.emulator import ORDINARY, Emulator, EmulatorSettings, Faults, Rule
from offpeakd.emulator.effects import FAULTS
from offpeakd.emulator.fault_file import read_faults

EXAMPLE = Path(__file__).parents[2] / "config" / "faults.example.yaml"


def token_of(connection: HTTPConnection, cloud: Emulator) -> str:
    user = {
        "name": cloud.settings.user,
        "password": cloud.settings.password,
        "domain": {"name": cloud.settings.domain},
    }
    identity = {"methods": ["password"], "password": {"user": user}}
    scope = {"project": {"id": cloud.settings.project_id}}
    body = json.dumps({"auth": {"identity": identity, "scope": scope}})
    connection.request("POST", "/v3/auth/tokens", body)
    answer = connection.getresponse()
    answer.read()
    return answer.getheader("X-Subject-Token") or ""


def struck(fault: Rule, clock: SetClock | None = None) -> tuple[int, str, list[int], Emulator]:
    """Status (0 without a whole answer), body, how often each of two instances was started."""
    settings = EmulatorSettings(instances=2, mix=ORDINARY, faults=Faults((fault,)))
    with Emulator(settings, clock or SetClock()) as cloud:
        connection = HTTPConnection(cloud.url.removeprefix("http://"), timeout=1)
        ids = list(cloud.world.instances)
        headers = {"X-Auth-Token": token_of(connection, cloud)}
        path = f"/v3/{settings.project_id}/instances/db-upgrade"
        connection.request("POST", path, json.dumps({"instance_ids": ids}), headers)
        try:
            answer = connection.getresponse()
            status, body = answer.status, answer.read().decode()
        except (OSError, HTTPException):
            status, body = 0, ""
        connection.close()
        assert cloud.wait_until(lambda world: world.calls[0].fault == fault.do)
        return status, body, [cloud.starts(one) for one in ids], cloud


@pytest.mark.parametrize(
    ("do", "status", "starts"),
    [
        ("answer-500", 500, [0, 0]),
        ("do-then-500", 500, [1, 1]),
        ("do-then-504", 504, [1, 1]),
        ("do-then-drop", 0, [1, 1]),
        ("half-then-500", 500, [1, 0]),
        ("drop-before", 0, [0, 0]),
        ("reset", 0, [0, 0]),
        ("swallow", 0, [1, 1]),
        ("empty-202", 202, [1, 1]),
        ("cut-202", 0, [1, 1]),
        ("html", 202, [1, 1]),
        ("redirect", 307, [0, 0]),
        ("throttle", 429, [0, 0]),
        ("unauthorized", 401, [0, 0]),
        ("forbidden", 403, [0, 0]),
        ("missing-id", 202, [1, 1]),
        ("repeat-id", 202, [1, 1]),
        ("foreign-id", 202, [1, 1]),
        ("conflict-id", 202, [1, 1]),
        ("neither", 202, [1, 1]),
        ("both", 202, [1, 1]),
    ],
)
def test_a_fault_does_and_answers_what_its_name_says(
    do: str, status: int, starts: list[int]
) -> None:
    seen, _, started, _ = struck(Rule(do=do))

    assert (seen, started) == (status, starts)


@pytest.mark.parametrize("do", ["delay", "job-invisible"])
def test_a_fault_of_time_does_all_and_tells(do: str) -> None:
    seen, _, started, _ = struck(Rule(do=do, wait=timedelta(milliseconds=10)))

    assert (seen, started) == (202, [1, 1])


def test_every_example_fault_can_be_read() -> None:
    assert {fault.do for fault in read_faults(EXAMPLE).rules} <= set(FAULTS)


def test_a_wrong_key_is_named_with_its_file(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("faults:\n  - {do: do-then-drop, nht: 2}\n")

    with pytest.raises(ConfigurationError, match=r"faults\.yaml:2:\d+: faults\.0\.nht.*nth"):
        read_faults(file)
