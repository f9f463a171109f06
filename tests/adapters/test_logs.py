"""Log lines."""

import io
import json
import logging

import pytest
import structlog

from offpeakd.adapters import logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_outside_a_terminal_a_line_is_json() -> None:
    out = io.StringIO()
    logs.configure("info", "auto", out)

    structlog.get_logger().info("batch", target="prod", accepted=10)

    (line,) = lines(out)
    assert (line["event"], line["target"], line["accepted"], line["level"]) == (
        "batch",
        "prod",
        10,
        "info",
    )
    assert str(line["time"]).endswith("Z")


def test_on_a_terminal_a_line_is_for_people() -> None:
    out = Terminal()
    logs.configure("info", "auto", out)

    structlog.get_logger().info("batch", target="prod")

    assert "batch" in out.getvalue()
    assert "target=prod" in out.getvalue()


def test_lines_below_the_level_are_left_out() -> None:
    out = io.StringIO()
    logs.configure("warning", "json", out)

    structlog.get_logger().info("batch")

    assert out.getvalue() == ""


@pytest.mark.parametrize("name", ["Authorization", "x_auth_token", "secret_key", "password"])
def test_a_field_that_is_named_like_a_secret_is_redacted(name: str) -> None:
    out = io.StringIO()
    logs.configure("info", "json", out)

    structlog.get_logger().info("call", **{name: "canary"})

    assert "canary" not in out.getvalue()
    assert "[redacted]" in out.getvalue()


def test_foreign_text_stays_on_one_line_and_is_cut() -> None:
    out = io.StringIO()
    logs.configure("info", "json", out)

    structlog.get_logger().info("look", name="a\nb\x1b[31m\u202e", long="x" * 5000)

    (line,) = lines(out)
    assert line["name"] == "a\\nb\\x1b[31m\\u202e"
    assert len(str(line["long"])) == logs.FIELD_LIMIT + 1


def test_what_a_library_logs_looks_as_our_own_lines_do() -> None:
    out = io.StringIO()
    logs.configure("info", "json", out)

    logging.getLogger("library").warning("tried %s", "again", extra={"password": "x", "tries": 2})

    (line,) = lines(out)
    assert (line["event"], line["level"]) == ("tried again", "warning")
    assert (line["password"], line["tries"]) == ("[redacted]", 2)
    assert str(line["time"]).endswith("Z")
