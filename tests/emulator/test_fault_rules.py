"""Which calls a rule strikes, what its fault does to them, and which rules can't be."""

from contextlib import suppress
from datetime import timedelta
from http.client import HTTPException, IncompleteRead
from pathlib import Path
from typing import Any

import pytest

from fakes.emulated_calls import Answer, Caller
from fakes.set_clock import SetClock
from offpeakd import share
from offpeakd.core.errors import ConfigurationError, UsageError
from offpeakd.emulator import Emulator, Faults, Rule
from offpeakd.emulator.effects import FAULTS, FOREIGN_INSTANCE, OTHER_JOB
from offpeakd.emulator.fault_file import read_faults
from offpeakd.emulator.routes import CALL_KINDS

INSTANCE = "0" * 31 + "1in02"
MINUTE = timedelta(minutes=1)
NO_ANSWER = Answer(0, "", {})


def ask(caller: Caller, *ids: object) -> Answer:
    """The answer to an upgrade call; an empty one where none came."""
    with suppress(OSError, HTTPException):
        return caller.upgrade(*ids)
    return NO_ANSWER


def some(cloud: Emulator, count: int) -> list[str]:
    return list(cloud.world.instances)[:count]


def strike(cloud: Emulator, *rules: Rule, seed: int = 1) -> None:
    cloud.use_faults(Faults(rules, seed))


# ------------------------------------------------------------------------------ what they do

EVERY_FAULT = {
    "answer-500": (500, 0),
    "do-then-500": (500, 3),
    "do-then-504": (504, 3),
    "half-then-500": (500, 2),
    "504-then-do": (504, 0),
    "do-then-drop": (0, 3),
    "do-then-reset": (0, 3),
    "drop-before": (0, 0),
    "reset": (0, 0),
    "swallow": (0, 3),
    "swallow-before": (0, 0),
    "empty-202": (202, 3),
    "cut-202": (0, 3),
    "empty": (202, 3),
    "cut": (0, 3),
    "html": (202, 3),
    "missing-id": (202, 3),
    "repeat-id": (202, 3),
    "foreign-id": (202, 3),
    "conflict-id": (202, 3),
    "neither": (202, 3),
    "both": (202, 3),
    "refuse-id": (202, 2),
    "poison-400": (400, 0),
    "answer": (418, 0),
    "throttle": (429, 0),
    "unauthorized": (401, 0),
    "forbidden": (403, 0),
    "redirect": (307, 0),
    "delay": (202, 3),
    "do-then-delay": (202, 3),
    "job-invisible": (202, 3),
}
"""Status of the answer, 0 without a whole one; and how many of three upgrades were started."""


def test_the_table_of_faults_is_complete() -> None:
    assert set(EVERY_FAULT) == set(FAULTS)


@pytest.mark.parametrize("do", EVERY_FAULT)
def test_every_fault_does_and_answers_what_it_says(
    cloud: Emulator, caller: Caller, do: str
) -> None:
    ids = some(cloud, 3)
    wait = timedelta(milliseconds=1)
    strike(cloud, Rule(do=do, instance=ids[1], wait=wait, code="DBS.200019", status=418))
    caller.connection.timeout = 0.2 if do.startswith("swallow") else 10

    answer = ask(caller, *ids)

    assert cloud.wait_until(lambda world: world.calls[0].fault == do)
    assert (answer.status, sum(cloud.world.starts.values())) == EVERY_FAULT[do]
    assert len(cloud.world.calls[0].started) == EVERY_FAULT[do][1]


def told(answer: Answer) -> list[tuple[str, str, str]]:
    return [
        (one["instance_id"], one.get("job_id", ""), one.get("error_code", ""))
        for one in answer.document["upgrade_results"]
    ]


@pytest.mark.parametrize("victim", [None, 1], ids=["nobody named", "the second named"])
def test_the_victim_is_the_instance_named_or_the_first(
    cloud: Emulator, caller: Caller, victim: int | None
) -> None:
    ids = some(cloud, 3)
    strike(cloud, Rule(do="missing-id", instance=None if victim is None else ids[victim]))

    answer = caller.upgrade(*ids)

    del ids[victim or 0]
    assert [instance_id for instance_id, _, _ in told(answer)] == ids


def lines(cloud: Emulator, caller: Caller, **rule: Any) -> list[tuple[str, str, str]]:
    """Struck answer for one instance, its own job written as `job`."""
    (instance_id,) = some(cloud, 1)
    strike(cloud, Rule(**rule))
    answer = caller.upgrade(instance_id)
    jobs = {job.id: "job" for job in cloud.world.jobs}
    names = {instance_id: "it"}
    return [(names.get(one, one), jobs.get(job, job), code) for one, job, code in told(answer)]


@pytest.mark.parametrize(
    ("do", "expected"),
    [
        ("missing-id", []),
        ("repeat-id", [("it", "job", ""), ("it", "job", "")]),
        ("foreign-id", [("it", "job", ""), (FOREIGN_INSTANCE, OTHER_JOB, "")]),
        ("conflict-id", [("it", "job", ""), ("it", OTHER_JOB, "")]),
        ("neither", [("it", "", "")]),
        ("both", [("it", "job", "DBS.200011")]),
        ("refuse-id", [("it", "", "DBS.200019")]),
    ],
)
def test_a_fault_of_the_answers_lines_changes_just_those(
    cloud: Emulator, caller: Caller, do: str, expected: list[tuple[str, str, str]]
) -> None:
    assert lines(cloud, caller, do=do, code="DBS.200019") == expected


def test_an_instance_refused_anyway_gets_an_invented_job_beside_its_error(
    cloud: Emulator, caller: Caller
) -> None:
    cloud.upgrade_elsewhere(some(cloud, 1)[0])

    assert lines(cloud, caller, do="both") == [("it", OTHER_JOB, "DBS.200011")]


def test_work_that_comes_late_starts_when_told(
    cloud: Emulator, caller: Caller, clock: SetClock
) -> None:
    ids = some(cloud, 2)
    strike(cloud, Rule(do="504-then-do", wait=90 * timedelta(seconds=1)))
    caller.upgrade(*ids)

    starts = []
    for pause in (timedelta(seconds=89), timedelta(seconds=1)):
        clock.advance(pause)
        starts.append([cloud.starts(one) for one in ids])

    assert starts == [[0, 0], [1, 1]]
    assert caller.dds("GET", "scheduled-jobs").document["total_count"] == 0


def test_hidden_jobs_show_themselves_later(
    cloud: Emulator, caller: Caller, clock: SetClock
) -> None:
    strike(cloud, Rule(do="job-invisible", wait=MINUTE))
    (one,) = told(caller.upgrade(*some(cloud, 1)))

    statuses = []
    for pause in (timedelta(seconds=64), timedelta(seconds=1)):
        clock.advance(pause)
        statuses.append(caller.dds("GET", f"jobs?id={one[1]}").status)

    assert statuses == [400, 200]


@pytest.mark.parametrize(
    ("retry_after", "header"), [(None, None), (timedelta(seconds=30), "30")], ids=["no", "30 s"]
)
def test_throttling_says_when_to_come_back_if_told(
    cloud: Emulator, caller: Caller, retry_after: timedelta | None, header: str | None
) -> None:
    strike(cloud, Rule(do="throttle", retry_after=retry_after))

    assert caller.upgrade(*some(cloud, 1)).headers.get("Retry-After") == header


def test_a_redirect_leads_nowhere_outside(cloud: Emulator, caller: Caller) -> None:
    strike(cloud, Rule(do="redirect"))

    location = caller.upgrade(*some(cloud, 1)).headers["Location"]

    assert location.startswith("http://127.0.0.1:9/")


def test_a_body_cut_off_promises_the_whole(cloud: Emulator, caller: Caller) -> None:
    strike(cloud, Rule(do="cut", call="instances"))

    with pytest.raises(IncompleteRead) as caught:
        caller.dds("GET", "instances")

    sent = len(caught.value.partial)
    assert sent in {caught.value.expected, (caught.value.expected or 0) - 1}


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (Rule(do="answer", status=400, code="DBS.200998", message="busy"), "DBS.200998"),
        (Rule(do="answer", status=503, code="APIGW.0613"), "APIGW.0613"),
        (Rule(do="answer", status=502), "HTTP.502"),
    ],
    ids=["of the service", "of the gateway", "of nobody"],
)
def test_an_answer_of_ones_own_has_its_status_and_code(
    cloud: Emulator, caller: Caller, rule: Rule, code: str
) -> None:
    strike(cloud, rule)

    answer = caller.upgrade(*some(cloud, 1))

    assert (answer.status, answer.code) == (rule.status, code)
    assert ("request_id" in answer.document) == code.startswith("APIG")


@pytest.mark.parametrize(
    ("do", "status"), [("unauthorized", 401), ("forbidden", 403), ("answer", 503)]
)
def test_iam_fails_in_its_own_shape(cloud: Emulator, caller: Caller, do: str, status: int) -> None:
    strike(cloud, Rule(do=do, call="token", status=503))

    answer = caller.log_in()

    assert (answer.status, answer.document["error"]["code"]) == (status, status)


def test_a_call_with_a_token_is_told_to_renew_it(cloud: Emulator, caller: Caller) -> None:
    caller.log_in()
    strike(cloud, Rule(do="unauthorized"))

    assert caller.upgrade(*some(cloud, 1)).code == "APIGW.0307"


# ------------------------------------------------------------------------------ which they strike


def struck(caller: Caller, calls: int) -> list[int]:
    """Numbers of the calls that were struck, from 1."""
    statuses = [caller.dds("GET", "instances").status for _ in range(calls)]
    return [number for number, status in enumerate(statuses, 1) if status == 500]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"nth": 3}, [3]),
        ({"every": 2}, [2, 4, 6]),
        ({"every": 2, "times": 2}, [2, 4]),
        ({"times": 2}, [1, 2]),
        ({"probability": 0.0}, []),
        ({"probability": 1.0}, [1, 2, 3, 4, 5, 6]),
        ({"call": "jobs"}, []),
        ({"call": "any", "nth": 2}, [2]),
    ],
    ids=str,
)
def test_a_rule_strikes_the_calls_it_names(
    cloud: Emulator, caller: Caller, rule: dict[str, Any], expected: list[int]
) -> None:
    strike(cloud, Rule(**{"do": "answer-500", "call": "instances", **rule}))

    assert struck(caller, 6) == expected


def test_chance_is_the_same_for_the_same_seed(cloud: Emulator, caller: Caller) -> None:
    rule, seen = Rule(do="answer-500", call="instances", probability=0.5), []
    for seed in (3, 3, 4):
        strike(cloud, rule, seed=seed)
        seen.append(struck(caller, 40))

    assert seen[0] == seen[1] != seen[2]
    assert 5 < len(seen[0]) < 35


def test_the_first_rule_that_strikes_has_the_call(cloud: Emulator, caller: Caller) -> None:
    strike(
        cloud,
        Rule(do="answer-500", call="instances", nth=2),
        Rule(do="forbidden", call="instances", nth=2),
        Rule(do="throttle", call="instances", nth=3),
    )

    statuses = [caller.dds("GET", "instances").status for _ in range(3)]

    assert statuses == [200, 500, 429]


def test_a_rule_about_an_instance_counts_only_calls_about_it(
    cloud: Emulator, caller: Caller
) -> None:
    poisoned, other = some(cloud, 2)
    strike(cloud, Rule(do="poison-400", instance=poisoned))

    statuses = [ask(caller, *ids).status for ids in ([other], [other, poisoned], [poisoned])]

    assert statuses == [202, 400, 400]


def test_a_rule_about_an_instance_strikes_listings_and_jobs_of_it(
    cloud: Emulator, caller: Caller
) -> None:
    one, other = some(cloud, 2)
    jobs = {instance_id: job_id for instance_id, job_id, _ in told(caller.upgrade(one, other))}
    strike(cloud, Rule(do="answer-500", call="any", instance=one))

    paths = [f"instances?id={id_}" for id_ in (one, other)]
    paths += [f"jobs?id={jobs[id_]}" for id_ in (one, other)]
    paths += [f"instances/{id_}/db-upgrade-duration" for id_ in (one, other)]

    assert [caller.dds("GET", path).status == 500 for path in paths] == [True, False] * 3


def test_calls_not_let_in_are_neither_struck_nor_counted(cloud: Emulator, caller: Caller) -> None:
    strike(cloud, Rule(do="answer-500", call="instances", nth=1))
    good, caller.secret = caller.secret, "wrong"
    refused = caller.dds("GET", "instances").status
    caller.secret = good

    assert (refused, caller.dds("GET", "instances").status) == (401, 500)


# ------------------------------------------------------------------------------ which can't be


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            Rule(do="swalow"),
            "faults.0.do: unknown fault 'swalow'. Did you mean swallow?",
        ),
        (
            Rule(do="delay", wait=MINUTE, call="instance"),
            "faults.0.call: unknown call 'instance'. Did you mean instances?",
        ),
        (
            Rule(do="delay", wait=MINUTE, call="reads"),
            f"faults.0.call: unknown call 'reads'. Use one of: {', '.join((*CALL_KINDS, 'any'))}.",
        ),
        (
            Rule(do="missing-id", call="jobs"),
            (
                "faults.0.call: missing-id strikes the batch upgrade call alone, not jobs. "
                "Write `call: upgrade`, or leave it out."
            ),
        ),
        (Rule(do="delay"), "faults.0.for: delay needs for. Add such as `for: 3s`."),
        (
            Rule(do="poison-400"),
            f"faults.0.instance: poison-400 needs instance. Add such as `instance: {INSTANCE}`.",
        ),
        (Rule(do="answer"), "faults.0.status: answer needs status. Add such as `status: 400`."),
        (
            Rule(do="refuse-id"),
            "faults.0.code: refuse-id needs code. Add such as `code: DBS.200019`.",
        ),
        (
            Rule(do="reset", nth=1, every=2),
            "faults.0.every: nth and every exclude each other. Keep one of them.",
        ),
        (Rule(do="reset", nth=0), "faults.0.nth: nth is 0. Write a number from 1."),
        (Rule(do="reset", every=-1), "faults.0.every: every is -1. Write a number from 1."),
        (Rule(do="reset", times=0), "faults.0.times: times is 0. Write a number from 1."),
        (
            Rule(do="reset", probability=1.1),
            "faults.0.probability: probability is 1.1. Write a number from 0 to 1.",
        ),
        (
            Rule(do="answer", status=199),
            "faults.0.status: status is 199. Write one from 200 to 599.",
        ),
        (
            Rule(do="reset", instance="prod"),
            "faults.0.instance: 'prod' is no instance id. Write 32 hex digits and in02.",
        ),
        (Rule(do="delay", wait=-MINUTE), "faults.0.for: for is negative. Write such as 3s."),
    ],
    ids=lambda value: value.partition(".")[2].partition(".")[2] if isinstance(value, str) else "",
)
def test_a_rule_that_cannot_be_is_refused(rule: Rule, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Faults((rule,))

    assert str(caught.value) == message


def test_everything_wrong_in_a_file_is_said_at_once(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(
        """\
seed: soon
faults:
  - {do: swalow}
  - {do: delay, for: 3}
  - {do: delay, for: [3s]}
  - {call: jobs}
  - text
  - {do: reset, nth: often, times: true}
  - {do: reset, probability: seldom}
  - {do: 7}
  - {do: reset, nht: 2}
  - {do: reset, xyzzy: 2}
  - {do: reset, do: reset}
fault: 2
"""
    )

    with pytest.raises(ConfigurationError) as caught:
        read_faults(file)

    expected = [
        "1:1: seed: expected a whole number. Write it without quotes, such as 3.",
        "3:6: faults.0.do: unknown fault 'swalow'. Did you mean swallow?",
        "4:17: faults.1.for: duration '3' has no unit. Add a unit: 3s, 3m.",
        "5:17: faults.2.for: expected a duration. Write a number and a unit, such as 3s.",
        "6:5: faults.3.do: missing. Say what goes wrong.",
        "7:5: faults.4: expected a map. Write it as {do: do-then-drop, nth: 2}.",
        "8:17: faults.5.nth: expected a whole number. Write it without quotes, such as 3.",
        "8:29: faults.5.times: expected a whole number. Write it without quotes, such as 3.",
        "9:17: faults.6.probability: expected a number. Write 0 to 1, such as 0.1.",
        "10:6: faults.7.do: expected text. Put it in quotes.",
        "11:17: faults.8.nht: unknown key. Did you mean nth?",
        (
            "12:17: faults.9.xyzzy: unknown key. Known keys: do, call, instance, code, message, "
            "status, nth, every, times, probability, for, retry_after."
        ),
        "13:17: duplicate key 'do', first at line 13. Keep one of the two.",
        "14:1: fault: unknown key. A file of faults has seed and faults.",
    ]
    assert str(caught.value) == "\n".join(f"{file}:{line}" for line in expected)


def test_a_file_that_is_a_list_is_told_what_it_should_be(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("- {do: reset}\n")

    with pytest.raises(ConfigurationError) as caught:
        read_faults(file)

    assert str(caught.value) == (
        f"{file}:1:1: expected a map with faults and perhaps seed, got a list. "
        "Write `faults:` and the list below it."
    )


def test_faults_that_are_no_list_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("faults: {do: reset}\n")

    with pytest.raises(ConfigurationError) as caught:
        read_faults(file)

    assert str(caught.value) == (
        f"{file}:1:1: faults: expected a list. Start each fault with a dash."
    )


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.yaml can't be read: No such file"):
        read_faults(tmp_path / "none.yaml")


def test_every_key_of_a_rule_can_be_written(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(
        f"""\
seed: 7
faults:
  - {{do: answer, call: upgrade, instance: {INSTANCE}, nth: 2, times: 1, status: 400,
     code: DBS.200998, message: busy}}
  - {{do: throttle, call: any, every: 3, retry_after: 5s}}
  - {{do: delay, probability: 0.5, for: 1m30s}}
  - {{do: reset, probability: 1}}
"""
    )

    assert read_faults(file) == Faults(
        (
            Rule(
                do="answer",
                instance=INSTANCE,
                nth=2,
                times=1,
                status=400,
                code="DBS.200998",
                message="busy",
            ),
            Rule(do="throttle", call="any", every=3, retry_after=timedelta(seconds=5)),
            Rule(do="delay", probability=0.5, wait=timedelta(seconds=90)),
            Rule(do="reset", probability=1),
        ),
        seed=7,
    )


def test_the_example_that_is_shipped_can_be_read() -> None:
    assert len(read_faults(share.path_of("config") / "faults.example.yaml").rules) > 1


@pytest.mark.parametrize(
    "text", ["", "faults:\n", "faults: []\n"], ids=["empty", "no rule", "no rules"]
)
def test_a_file_without_rules_has_no_faults(tmp_path: Path, text: str) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(text)

    assert read_faults(file) == Faults()
