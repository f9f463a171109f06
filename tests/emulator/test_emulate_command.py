"""The command as a process of its own: started, asked, stopped."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

ENOUGH_SECONDS = 20


@contextmanager
def emulate(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "offpeakd", "emulate", "--listen", "127.0.0.1:0", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def url_from(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"listening on (http://127\.0\.0\.1:[0-9]+)", line)
    assert found is not None, line
    return found[1]


def said(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "offpeakd", "emulate", *arguments],
        capture_output=True,
        text=True,
        timeout=ENOUGH_SECONDS,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
def test_a_signal_ends_it_with_exit_code_0(number: signal.Signals) -> None:
    with emulate() as process:
        url_from(process)
        process.send_signal(number)

        assert process.wait(ENOUGH_SECONDS) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_it_answers_on_the_address_it_prints() -> None:
    with emulate("--instances", "3") as process:
        connection = HTTPConnection(url_from(process).removeprefix("http://"))
        connection.request("GET", "/nowhere")
        answer = connection.getresponse()

        assert answer.status == 404
        assert json.loads(answer.read())["error_code"] == "APIGW.0101"
        connection.close()


def test_it_fails_as_its_file_of_faults_tells(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("faults: [{do: answer, call: token, status: 499}]\n")
    with emulate("--instances", "1", "--faults", str(file)) as process:
        connection = HTTPConnection(url_from(process).removeprefix("http://"))
        connection.request("POST", "/v3/auth/tokens")
        answer = connection.getresponse()

        assert answer.status == 499
        answer.read()
        connection.close()


def test_a_file_of_faults_that_cannot_be_ends_with_exit_code_2(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("faults: [{do: swalow}]\n")

    code, message = said("--faults", str(file))

    assert code == 2
    assert message == f"{file}:1:11: faults.0.do: unknown fault 'swalow'. Did you mean swallow?\n"


def test_a_port_in_use_is_said_with_exit_code_1() -> None:
    with emulate() as process:
        port = url_from(process).rpartition(":")[2]

        code, message = said("--listen", f"127.0.0.1:{port}")

    assert code == 1
    assert f"can't listen on 127.0.0.1 port {port}" in message
    assert "--listen" in message


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--listen", "0.0.0.0:9417"), "loopback addresses only"),
        (("--listen", "example.com:9417"), "loopback addresses only"),
        (("--listen", "9417"), "no HOST:PORT"),
        (("--listen", "127.0.0.1:65536"), "no HOST:PORT"),
        (("--job-seconds", "20-5"), "no range of seconds"),
        (("--job-seconds", "-5"), "no range of seconds"),
        (("--instances", "-1"), "not in the range"),
        (("--project-id", "prod"), "not a project id"),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else None,
)
def test_a_wrong_option_is_refused_with_exit_code_2(
    arguments: tuple[str, ...], expected: str
) -> None:
    code, message = said(*arguments)

    assert code == 2
    assert expected in message


def test_a_terminal_is_shown_a_configuration_to_paste(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    import os

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "offpeakd", "emulate", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=theirs, text=True, cwd=tmp_path
    ) as process:
        os.close(theirs)
        url = url_from(process)
        shown = os.read(ours, 65_536).decode().replace("\r\n", "\n")
        process.terminate()
        assert process.wait(ENOUGH_SECONDS) == 0
    os.close(ours)

    assert f"endpoint: {url}" in shown
    assert "export HUAWEICLOUD_SDK_AK='EMULATED-ACCESS-KEY'" in shown
