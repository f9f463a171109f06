"""What a person reads of an error: what is wrong, where, and how to mend it."""

from datetime import timedelta

import pytest

from offpeakd.core.errors import (
    CloudDeniedError,
    CloudRefusedError,
    CloudThrottledError,
    ConfigurationError,
    OffpeakdError,
    Problem,
    UsageError,
)


def a_problem(
    line: int = 4, column: int = 9, path: str = "windows.a.from", **facts: str
) -> Problem:
    given = {"file": "b.yaml", "what": "no time", "fix": "Write 22:00.", **facts}
    return Problem(given["file"], line, column, path, given["what"], given["fix"])


def test_an_error_says_what_is_wrong_and_then_how_to_mend_it() -> None:
    error = UsageError("no request 7", fix="See `offpeakd list`.")

    assert str(error) == "no request 7. See `offpeakd list`."
    assert (error.message, error.fix) == ("no request 7", "See `offpeakd list`.")
    assert error.args == ("no request 7",)


def test_an_error_that_nobody_can_mend_by_hand_says_what_is_wrong_alone() -> None:
    error = OffpeakdError("the disk is full")

    assert str(error) == "the disk is full"
    assert error.fix == ""


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (a_problem(), "b.yaml:4:9: windows.a.from: no time. Write 22:00."),
        (a_problem(1, 1, ""), "b.yaml:1:1: no time. Write 22:00."),
        (a_problem(0, 0), "b.yaml: windows.a.from: no time. Write 22:00."),
        (a_problem(0, 0, "", file="environment"), "environment: no time. Write 22:00."),
        (a_problem(fix=""), "b.yaml:4:9: windows.a.from: no time."),
    ],
    ids=["placed", "no path", "the file as a whole", "no place at all", "no fix"],
)
def test_a_problem_names_its_place_as_editors_read_it(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_all_problems_are_told_at_once_in_the_order_of_files_and_lines() -> None:
    last, first = a_problem(12), a_problem(4)
    other_file = a_problem(99, file="a.yaml")

    error = ConfigurationError((last, other_file, first))

    assert error.problems == (other_file, first, last)
    assert str(error).splitlines() == [str(other_file), str(first), str(last)]
    assert error.message == str(error)


def test_a_cloud_that_wants_fewer_calls_may_say_when_to_come_back() -> None:
    told = CloudThrottledError("too many calls", retry_after=timedelta(seconds=9))
    untold = CloudThrottledError("too many calls")

    assert str(told) == "too many calls. Calls to this target pause and go on by themselves."
    assert (told.retry_after, untold.retry_after) == (timedelta(seconds=9), None)


def test_a_denial_tells_a_bad_key_from_a_missing_right() -> None:
    key = CloudDeniedError("refused", code="APIGW.0301", fix="Check the key.")
    right = CloudDeniedError("refused", code="DBS.1", fix="Grant it.", permission=True)

    assert (key.code, key.permission, str(key)) == ("APIGW.0301", False, "refused. Check the key.")
    assert (right.code, right.permission, str(right)) == ("DBS.1", True, "refused. Grant it.")


def test_a_definite_no_keeps_the_clouds_code_and_status() -> None:
    error = CloudRefusedError("no such instance", code="DBS.280110", status=404)

    assert (str(error), error.code, error.status) == ("no such instance", "DBS.280110", 404)
