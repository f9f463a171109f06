"""The table of error codes, its default rules, and the page that shows both."""

import os
from collections import Counter
from pathlib import Path

import pytest

from fakes.error_page import errors_page
from offpeakd.adapters.huaweicloud.answers import Answer, named_error, request_id
from offpeakd.adapters.huaweicloud.error_codes import (
    ENTRY,
    TABLE,
    Row,
    call_kind,
    default_kind,
    entry_kind,
    kind_of,
    normal_code,
)
from offpeakd.core.outcomes import ErrorKind

PAGE = Path(__file__).parents[2] / "docs" / "usage" / "errors.md"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.code}-{row.kind}")
def test_every_row_decides_for_its_statuses(row: Row) -> None:
    for status in row.statuses or (400,):
        assert kind_of(row.code, status) is row.kind


def test_a_code_has_several_rows_only_where_the_status_decides() -> None:
    several = {code for code, count in Counter(row.code for row in TABLE).items() if count > 1}

    assert several == {"DBS.280005", "APIGW.0201"}


def test_a_code_counts_whatever_its_status() -> None:
    assert kind_of("DBS.200011", 418) is ErrorKind.RETRY


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ErrorKind.PARAMETER),
        (401, ErrorKind.AUTH),
        (403, ErrorKind.AUTH),
        (404, ErrorKind.CONFIGURATION),
        (405, ErrorKind.CONFIGURATION),
        (408, ErrorKind.AMBIGUOUS),
        (409, ErrorKind.RETRY),
        (418, ErrorKind.PERMANENT),
        (429, ErrorKind.THROTTLED),
        (499, ErrorKind.AMBIGUOUS),
        (500, ErrorKind.AMBIGUOUS),
        (599, ErrorKind.AMBIGUOUS),
        (399, ErrorKind.AMBIGUOUS),
        (200, ErrorKind.AMBIGUOUS),
        (202, ErrorKind.RETRY),
    ],
)
def test_an_unknown_code_is_judged_by_its_status(status: int, kind: ErrorKind) -> None:
    assert kind_of("NEW.1", status) is default_kind(status) is kind


def test_the_status_decides_between_rows_and_beyond_them() -> None:
    assert kind_of("APIGW.0201", 400) is ErrorKind.PERMANENT
    assert kind_of("APIGW.0201", 502) is ErrorKind.AMBIGUOUS
    assert kind_of("APIGW.0201", 429) is ErrorKind.THROTTLED


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.code}-{row.kind}")
def test_an_entry_is_never_ambiguous_nor_about_the_batch(row: Row) -> None:
    assert entry_kind(row.code) not in {ErrorKind.AMBIGUOUS, ErrorKind.PARAMETER}


def test_one_instance_does_not_condemn_the_others_of_its_batch() -> None:
    assert call_kind("DBS.280110", 400, instances=1) is ErrorKind.PERMANENT
    assert call_kind("DBS.280110", 400, instances=2) is ErrorKind.PARAMETER
    assert call_kind("DBS.05000008", 400, instances=1) is ErrorKind.DONE
    assert call_kind("DBS.05000008", 400, instances=2) is ErrorKind.PARAMETER
    assert call_kind("DBS.200019", 403, instances=2) is ErrorKind.RETRY


@pytest.mark.parametrize(
    ("code", "expected"),
    [("APIG.0301", "APIGW.0301"), ("APIGW.0301", "APIGW.0301"), ("DBS.1", "DBS.1")],
)
def test_the_gateways_two_spellings_are_one(code: str, expected: str) -> None:
    assert normal_code(code) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"error_code": "DBS.1", "error_msg": "m"}', ("DBS.1", "m")),
        (b'{"error_msg": "m", "error_code": "APIG.0301", "request_id": "r"}', ("APIGW.0301", "m")),
        (b'{"error_code": "DBS.1", "error_message": "m"}', ("DBS.1", "m")),
        (b'{"error": {"code": 401, "message": "m", "title": "t"}}', ("HTTP.418", "m")),
        (b'{"error": {"error_code": "X.1", "error_msg": "m"}}', ("X.1", "m")),
        (b'{"errorCode": "X.1", "errorMsg": "m"}', ("X.1", "m")),
        (b'{"code": "X.1", "message": "m"}', ("X.1", "m")),
        (b'{"code": "404", "message": "m"}', ("HTTP.418", "m")),
        (b'{"message": "m"}', ("HTTP.418", "m")),
        (b'{"error_code": "X.1"}', ("X.1", "")),
        (b'{"error_code": "X.1", "encoded_authorization_message": "e"}', ("X.1", "")),
        (b'{"error": "text"}', ("HTTP.418", "")),
        (b"<html>bad gateway</html>", ("HTTP.418", "")),
        (b"", ("HTTP.418", "")),
        (b"\xff\xfe", ("HTTP.418", "")),
        (b'{"error_code": "' + b"X" * 100 + b'"}', ("X" * 64, "")),
        (b'{"error_code": "X.1", "error_msg": "' + b"m" * 9000 + b'"}', ("X.1", "m" * 2048)),
    ],
)
def test_every_known_shape_of_an_error_is_read(body: bytes, expected: tuple[str, str]) -> None:
    assert named_error(Answer(418, {}, body)) == expected


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"x-request-id": "h"}, b'{"request_id": "b"}', "h"),
        ({}, b'{"request_id": "b"}', "b"),
        ({"x-iam-trace-id": "t"}, b"{}", "t"),
        ({"x-request-id": "", "x-iam-trace-id": "t"}, b'{"request_id": 5}', "t"),
        ({}, b"", None),
    ],
)
def test_the_id_for_support_is_found(
    headers: dict[str, str], body: bytes, expected: str | None
) -> None:
    assert request_id(Answer(400, headers, body)) == expected


def test_the_page_shows_the_table() -> None:
    expected = errors_page()
    if os.environ.get("UPDATE_PAGES"):
        PAGE.write_text(expected, encoding="utf-8")

    assert PAGE.read_text(encoding="utf-8") == expected, "UPDATE_PAGES=1 pytest writes it anew"


def test_every_kind_is_in_the_table() -> None:
    assert {row.kind for row in TABLE} == set(ErrorKind)
    assert ENTRY == 202
