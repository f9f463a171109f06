"""Adding, listing, explaining and deciding, on a real database."""

import csv
import io
import json
from pathlib import Path

import pytest

from cli.conftest import Command

IDS = tuple(f"{number:032x}in02" for number in range(1, 4))
KEYS = [
    "id",
    "target",
    "instance_id",
    "group",
    "state",
    "verdict",
    "attempts",
    "batch_id",
    "job_id",
    "job_status",
    "error_code",
    "error_message",
    "reason",
    "requested_by",
    "requested_at",
    "not_before",
    "deadline",
    "submitted_at",
    "finished_at",
]
NEXT = "next opening Tue 23:00 CET (22:00Z), in 6 h 12 m"


def test_added_requests_go_to_stdout_and_the_sentence_to_stderr(offpeakd: Command) -> None:
    ended = offpeakd("add", *IDS, "--reason", "CVE", "-o", "ids")

    assert (ended.code, ended.out, ended.err) == (0, "1\n2\n3\n", f"3 added; {NEXT}\n")


def test_a_request_in_json_has_the_documented_keys(offpeakd: Command) -> None:
    (record,) = json.loads(offpeakd("add", IDS[0], "--reason", "CVE", "-o", "json").out)

    assert list(record) == KEYS
    assert record["verdict"] == "window-closed"
    assert record["requested_at"] == "2026-11-24T15:48:00Z"
    assert record["requested_by"] == "zhang"


def test_adding_again_gives_the_first_request_and_says_so(offpeakd: Command) -> None:
    offpeakd("add", IDS[0])

    ended = offpeakd("add", IDS[0], IDS[1], "-o", "json")

    first, second = json.loads(ended.out)
    assert (ended.code, first["id"], first["instance_id"]) == (0, 1, IDS[0])
    assert (second["id"] > 1, second["instance_id"]) == (True, IDS[1])
    assert ended.err == (
        f"{IDS[0]} has request 1 already: queued\n1 added, 1 had a request already; {NEXT}\n"
    )


def test_every_wrong_id_is_named_with_its_line_and_nothing_is_stored(
    offpeakd: Command, folder: Path
) -> None:
    names = folder / "ids.txt"
    names.write_text(f"# night one\n{IDS[0]}\n\nabc\n{'0' * 32}in03 # other\n")

    ended = offpeakd("add", "--from", str(names))

    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "offpeakd: 2 of 3 ids are wrong; nothing was added\n"
        f"  {names}:4: 'abc' is not a DDS instance id (32 hexadecimal digits and in02). "
        "Copy it from the console's list of DDS instances, or from the API.\n"
        f"  {names}:5: '{'0' * 32}in03' is not a DDS instance id (32 hexadecimal digits and "
        "in02). Ids ending in in03 belong to another service; give the id of a DDS instance.\n"
    )
    assert json.loads(offpeakd("list", "-o", "json").out) == []


def test_csv_says_group_priority_and_reason_for_each(offpeakd: Command, folder: Path) -> None:
    names = folder / "ids.csv"
    names.write_text(
        "\ufeffinstance_id,priority,reason,not_before\r\n"
        f'{IDS[0]},5,"a, b",tomorrow 22:00\r\n{IDS[1]},,,\r\n{IDS[0]},,,\r\n',
        encoding="utf-8",
    )

    ended = offpeakd("add", "--from", str(names), "--reason", "else", "-o", "jsonl")

    first, second = (json.loads(line) for line in ended.out.splitlines())
    assert (first["reason"], second["reason"]) == ("a, b", "else")
    assert first["not_before"] == "2026-11-25T21:00:00Z"
    assert (first["verdict"], second["verdict"]) == ("not-before", "window-closed")
    assert "1 repeated id merged with the first of each\n" in ended.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("instance_id,priorty\n", "unknown column 'priorty'\n  Did you mean 'priority'?"),
        ("instance_id,group,group\n", "column 'group' stands twice\n  Leave one out."),
        ("instance_id,reason\n{id},a,b\n", "3 cells under 2 headings"),
        ("instance_id,priority\n{id},high\n", "priority 'high' is no whole number"),
        ("instance_id,deadline\n{id},2026-12-01T10:00\n", "has no offset"),
        ('instance_id,reason\n{id},"open\n', "not CSV"),
        ("\n# nothing\n", "no instance was named"),
    ],
    ids=["column", "twice", "cells", "priority", "naive", "quote", "empty"],
)
def test_a_wrong_file_is_refused_with_its_place(
    offpeakd: Command, folder: Path, content: str, said: str
) -> None:
    (folder / "ids.csv").write_text(content.replace("{id}", IDS[0]))

    ended = offpeakd("add", "--from", str(folder / "ids.csv"))

    assert ended.code == 2
    assert said in ended.err
    assert offpeakd("list", "-o", "ids").out == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"ab\xff", "is not UTF-8 at byte 2"), (b"a\0", "has a NUL at byte 1")],
    ids=["latin", "nul"],
)
def test_a_file_that_is_no_text_is_refused(
    offpeakd: Command, folder: Path, content: bytes, said: str
) -> None:
    (folder / "ids").write_bytes(content)

    ended = offpeakd("add", "--from", str(folder / "ids"))

    assert ended.code == 2
    assert said in ended.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--target", "prod-ue"], "there is no target 'prod-ue' in the configuration\n  Did you"),
        (["--group", "gold"], "there is no group 'gold' in the configuration\n  Known: default."),
        (["--deadline", "2026-11-24T15:47Z"], "has passed already"),
        (["--not-before", "2h", "--deadline", "1h"], "could never be released"),
        (["--not-before", "soon"], "'soon' is no instant"),
    ],
)
def test_a_wrong_option_is_refused(offpeakd: Command, options: list[str], said: str) -> None:
    ended = offpeakd("add", IDS[0], *options)

    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


def test_a_not_before_in_the_past_is_accepted_with_a_note(offpeakd: Command) -> None:
    ended = offpeakd("add", IDS[0], "--not-before", "2026-11-24T10:00Z")

    assert ended.code == 0
    assert "note: --not-before has passed already and holds nothing back\n" in ended.err


def test_a_table_shows_fifty_rows_and_the_number_of_others(offpeakd: Command, folder: Path) -> None:
    names = "\n".join(f"{number:032x}in02" for number in range(5000))
    (folder / "ids").write_text(names)
    offpeakd("add", "--from", str(folder / "ids"), "-o", "ids")

    table = offpeakd("list")
    whole = offpeakd("list", "-o", "csv")

    assert len(table.out.splitlines()) == 51
    assert table.err == "… and 4,950 more (--limit 0 for all)\n"
    rows = list(csv.DictReader(io.StringIO(whole.out)))
    assert (len(rows), list(rows[0])) == (5000, KEYS)
    assert len(offpeakd("list", "--limit", "0").out.splitlines()) == 5001
    assert offpeakd("list", "--group", "default").err == table.err


def test_why_names_every_condition_and_the_next_possible_instant(offpeakd: Command) -> None:
    offpeakd("add", IDS[0])

    ended = offpeakd("why", IDS[0])

    assert ended.code == 3
    assert f"request 1 ({IDS[0]}) is queued: waits for window weeknights" in ended.out
    assert "yes  nobody holds it\n" in ended.out
    assert " no  a window is open: waits for window weeknights" in ended.out
    assert " no  a daemon runs: none gives a sign of life" in ended.out
    assert ended.out.endswith("next possible: Tue 23:00 CET (22:00Z), in 6 h 12 m\n")


def test_why_in_json_looks_past_a_not_before_into_the_calendar(offpeakd: Command) -> None:
    offpeakd("add", IDS[0], "--not-before", "2026-11-27T12:00Z")

    record = json.loads(offpeakd("why", "1", "-o", "json").out)

    assert record["next_possible"] == "2026-11-30T22:00:00Z"
    unmet = [one["verdict"] for one in record["conditions"] if not one["met"]]
    assert unmet == ["not-before", "window-closed", "no-daemon"]


def test_why_of_a_finished_request_ends_with_0(offpeakd: Command) -> None:
    offpeakd("add", IDS[0])
    offpeakd("cancel", "1", "--reason", "no")

    ended = offpeakd("why", "1")

    assert ended.code == 0
    assert ended.out == (f"request 1 ({IDS[0]}) is cancelled: Tue 16:48 CET (15:48Z), now\n")


@pytest.mark.parametrize("command", ["show", "why"])
def test_an_unknown_request_is_a_usage_error(offpeakd: Command, command: str) -> None:
    assert offpeakd(command, "7").err == (
        "offpeakd: there is no request 7\n  `offpeakd list --all` shows every request.\n"
    )
    assert offpeakd(command, IDS[2]).code == 2
    assert "neither a request's number nor a DDS instance id" in offpeakd(command, "x").err


def test_show_tells_the_history_with_who_and_why(offpeakd: Command) -> None:
    offpeakd("add", IDS[0], "--reason", "CVE")
    offpeakd("hold", "1", "--reason", "billing\x1b[31m run")

    text = offpeakd("show", "1").out
    record = json.loads(offpeakd("show", "1", "-o", "json").out)

    assert "\x1b" not in text
    assert r"reason: billing\x1b[31m run" in text
    assert list(record) == [*KEYS, "calls", "events"]
    assert [event["kind"] for event in record["events"]] == ["added", "held"]
    assert record["events"][1]["detail"] == {"reason": "billing\x1b[31m run"}


def test_decisions_end_with_0_all_3_partly_1_none(offpeakd: Command) -> None:
    offpeakd("add", *IDS)

    every = offpeakd("cancel", "1", "--reason", "no")
    partly = offpeakd("retry", "1", "2", "--reason", "no")
    none = offpeakd("ack", "2", "99", "--reason", "no")

    assert (every.code, every.out) == (0, f"request 1 ({IDS[0]}): cancelled\n")
    assert (partly.code, partly.out) == (3, f"request 2 ({IDS[1]}) is queued already\n")
    assert partly.err == (
        f"offpeakd: request 1 ({IDS[0]}) is cancelled: it can't be retried. "
        "To upgrade the instance after all, add it again.\n"
    )
    assert none.code == 1
    assert none.err.endswith("offpeakd: there is no request 99\n")


def test_a_request_named_twice_is_decided_about_once(offpeakd: Command) -> None:
    offpeakd("add", IDS[0])

    ended = offpeakd("hold", "1", IDS[0], "--reason", "x", "-o", "json")

    assert ended.code == 0
    assert json.loads(ended.out) == [
        {
            "name": "1",
            "id": 1,
            "instance_id": IDS[0],
            "state": "queued",
            "done": True,
            "changed": True,
            "message": "",
        }
    ]
    assert offpeakd("unhold", "1", "--reason", "x").out == f"request 1 ({IDS[0]}): no longer held\n"


def test_a_word_that_names_no_request_changes_nothing(offpeakd: Command) -> None:
    offpeakd("add", IDS[0])

    assert offpeakd("hold", "1", "one", "--reason", "x").code == 2
    assert len(json.loads(offpeakd("show", "1", "-o", "json").out)["events"]) == 1


def test_failures_are_none_at_first(offpeakd: Command) -> None:
    ended = offpeakd("failures")

    assert (ended.code, ended.out, ended.err) == (0, "", "nothing needs a person\n")


def test_a_pause_stands_in_status_and_why_until_it_is_resumed(offpeakd: Command) -> None:
    offpeakd("add", IDS[0])

    assert offpeakd("pause", "--reason", "incident 7").out == (
        "every target is paused; nothing more is sent\n"
    )
    assert "every target is stopped (pause)" in offpeakd("status").out
    assert json.loads(offpeakd("why", "1", "-o", "json").out)["verdict"] == "paused"
    assert "paused already by zhang: incident 7" in offpeakd("pause", "--reason", "more").err
    offpeakd("pause", "--target", "prod-eu", "--reason", "disk")
    left = offpeakd("resume", "--reason", "over")
    assert left.out == "every target is no longer stopped: pause by zhang: more\n"
    assert "`offpeakd resume --target prod-eu --reason TEXT` ends that" in left.err
    assert offpeakd("resume", "--target", "prod-eu", "--reason", "over").code == 0
    assert offpeakd("resume", "--reason", "over").out == "nothing was stopped\n"
    assert json.loads(offpeakd("status", "-o", "json").out)["stops"] == []


def test_the_plan_names_the_batches_of_the_next_opening(offpeakd: Command, folder: Path) -> None:
    (folder / "ids").write_text("\n".join(f"{number:032x}in02" for number in range(12)))
    offpeakd("add", "--from", str(folder / "ids"), "-o", "ids")
    offpeakd("hold", "12", "--reason", "x")

    batches = json.loads(offpeakd("plan", "-o", "json").out)

    assert [[one["id"] for one in batch["requests"]] for batch in batches] == [
        [*range(1, 11)],
        [11],
    ]
    assert batches[0]["opening"]["start"] == "2026-11-24T22:00:00Z"
    assert "11 requests in 2 batches\n" in offpeakd("plan").err
    assert (
        "nothing would go within 1 day" in offpeakd("plan", "--at", "fri 12:00", "--days", "1").err
    )


def test_status_counts_by_target_and_state(offpeakd: Command) -> None:
    offpeakd("add", *IDS)
    offpeakd("cancel", "3", "--reason", "x")

    seen = json.loads(offpeakd("status", "-o", "json").out)

    assert (seen["targets"]["prod-eu"]["queued"], seen["targets"]["prod-eu"]["cancelled"]) == (2, 1)
    assert seen["at"] == "2026-11-24T15:48:00Z"
    assert "TARGET   QUEUED  CANCELLED\nprod-eu  2       1\n" in offpeakd("status").out
    assert offpeakd("status", "--watch").code == 2
