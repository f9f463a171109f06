import os
import pickle
import subprocess
import sys

import pytest

from offpeakd.core.errors import ConfigurationError, OffpeakdError, Problem

# Each program is one of its own: a fork takes no threads along, and the tests' process has some.
BEGINNING = """
import os, sys
from offpeakd.adapters.head_start import begun_aside
from offpeakd.core.errors import ConfigurationError, Problem

mine = os.getpid()
def here(): return os.getpid() == mine
def done(work):
    with begun_aside(work) as result:
        return result()
"""


def told(program: str) -> str:
    # What measures coverage writes a file in the end, which some of these have no right to.
    uncounted = {name: text for name, text in os.environ.items() if "COVERAGE" not in name}
    done = subprocess.run(
        [sys.executable, "-c", BEGINNING + program],
        env=uncounted,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_work_is_done_in_another_process_which_alone_loads_what_it_takes() -> None:
    program = """
def work():
    import colorsys
    return here(), colorsys.rgb_to_hls(0, 0, 0)
print(done(work), "colorsys" in sys.modules)
"""
    assert told(program) == "(False, (0.0, 0.0, 0.0)) False\n"


def test_no_process_is_left_behind_and_no_file_open() -> None:
    program = """
before = os.listdir("/proc/self/fd")
done(here)
print(os.listdir("/proc/self/fd") == before)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("none")
"""
    assert told(program) == "True\nnone\n"


def test_a_result_may_be_larger_than_a_pipe() -> None:
    assert told("print(len(done(lambda: 'x' * 3_000_000)))") == "3000000\n"


def test_an_error_for_people_is_raised_with_all_that_it_says() -> None:
    program = """
def work():
    raise ConfigurationError((Problem("a.yaml", 2, 1, "release", f"here: {here()}", "Mend it."),))
try:
    done(work)
except ConfigurationError as error:
    print(error.problems[0], error.message, sep="|")
"""
    said = "a.yaml:2:1: release: here: False. Mend it."
    assert told(program) == f"{said}|{said}\n"


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param("os.kill(os.getpid(), 9)", id="killed"),
        pytest.param("raise KeyError('a defect')", id="a defect"),
        pytest.param("return lambda: None", id="nothing that can be handed over"),
        pytest.param("sys.exit(0)", id="an exit"),
        pytest.param("raise KeyboardInterrupt", id="an interrupt"),
    ],
)
def test_what_comes_to_nothing_there_is_done_here(trouble: str) -> None:
    program = f"""
def work():
    if here(): return "done here"
    {trouble}
print(done(work))
"""
    assert told(program) == "done here\n"


@pytest.mark.parametrize(
    "surroundings",
    [
        pytest.param(
            "import threading; e = threading.Event(); threading.Thread(target=e.wait).start()",
            id="other threads",
        ),
        pytest.param(
            "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))", id="no pipe"
        ),
    ],
)
def test_where_it_cant_be_done_there_it_is_done_here(surroundings: str) -> None:
    program = f"""
{surroundings}
print(done(here))
if "e" in globals(): e.set()
"""
    assert told(program) == "True\n"


def test_where_nobody_may_wait_for_children_the_result_is_taken_all_the_same() -> None:
    program = """
import signal
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(done(here))
"""
    assert told(program) == "False\n"


def test_nothing_outlives_whoever_has_no_use_for_it_any_more() -> None:
    program = """
reader, writer = os.pipe()
def work():
    os.read(reader, 1)
try:
    with begun_aside(work):
        raise RuntimeError
except RuntimeError:
    pass
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("none")
"""
    assert told(program) == "none\n"


def test_where_no_process_can_be_made_it_is_done_here() -> None:
    # Root may go over the limit.
    ordinary = "os.setgroups([]); os.setgid(65534); os.setuid(65534)" if not os.getuid() else ""
    program = f"""
import resource
{ordinary}
resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
before = os.listdir("/proc/self/fd")
print(done(here), os.listdir("/proc/self/fd") == before)
"""
    assert told(program) == "True True\n"


def test_what_was_written_before_is_written_once() -> None:
    assert told("print('once'); done(here)") == "once\n"


def every_kind(of: type[OffpeakdError] = OffpeakdError) -> list[type[OffpeakdError]]:
    return [of, *(kind for below in of.__subclasses__() for kind in every_kind(below))]


def an_error(kind: type[OffpeakdError]) -> OffpeakdError:
    if kind is ConfigurationError:
        return ConfigurationError((Problem("a.yaml", 1, 1, "x", "is wrong", "Mend it."),))
    error = kind.__new__(kind, "gone")
    vars(error).update(message="gone", fix="Look.", code="DBS.200", status=400)
    return error


@pytest.mark.parametrize("kind", every_kind())
def test_every_error_comes_whole_from_another_process(kind: type[OffpeakdError]) -> None:
    error = an_error(kind)
    came = pickle.loads(pickle.dumps(error))  # noqa: S301 - what this very test has made

    assert type(came) is kind
    assert (came.args, vars(came), str(came)) == (error.args, vars(error), str(error))
