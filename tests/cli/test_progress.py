"""The line that counts up."""

import io

from offpeakd.cli.progress import counting


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_the_count_and_then_a_clean_line() -> None:
    screen = Terminal()

    with counting(10_000, screen) as show:
        assert show is not None
        show(4_000)

    assert screen.getvalue() == "\r4,000 of 10,000\r\x1b[K"


def test_a_pipe_and_a_short_list_see_nothing() -> None:
    pipe, screen = io.StringIO(), Terminal()

    with counting(10_000, pipe) as into_pipe, counting(3, screen) as of_few:
        assert (into_pipe, of_few) == (None, None)

    assert (pipe.getvalue(), screen.getvalue()) == ("", "")
