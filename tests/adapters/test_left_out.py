import subprocess
import sys

import pytest

from offpeakd.adapters.left_out import left_out


def modules_after(program: str) -> set[str]:
    shown = f"{program}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", shown], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_a_module_that_is_left_out_is_absent_inside_and_there_again_afterwards() -> None:
    sys.modules.pop("colorsys", None)

    with left_out("colorsys"), pytest.raises(ModuleNotFoundError):
        import colorsys
    import colorsys

    assert sys.modules["colorsys"] is colorsys


def test_a_module_that_is_loaded_already_stays() -> None:
    before = sys.modules["json"]

    with left_out("json"):
        import json

    assert json is before
    assert sys.modules["json"] is before


def test_what_is_left_out_comes_back_after_an_error() -> None:
    sys.modules.pop("colorsys", None)

    with pytest.raises(RuntimeError), left_out("colorsys"):
        raise RuntimeError("on purpose")

    assert "colorsys" not in sys.modules


def test_a_daemon_on_sqlite_loads_no_terminal_library_and_no_dialect_of_another_database() -> None:
    loaded = modules_after(
        "from offpeakd.adapters import logs\n"
        "from offpeakd.adapters.huaweicloud import client\n"
        "from offpeakd.adapters.sql import store\n"
        "import offpeakd.daemon"
    )

    unwanted = {"rich", "pygments", "alembic", "psycopg", "sqlalchemy.dialects.postgresql"}
    assert not loaded & unwanted


def test_what_wakes_later_passes_is_not_loaded_before_the_first_ones() -> None:
    assert "apscheduler" not in modules_after("import offpeakd.daemon")


def test_what_tries_a_read_again_is_loaded_once_a_read_has_failed() -> None:
    program = "from offpeakd.adapters.huaweicloud import again, client"
    loaded = modules_after(program)
    tried = modules_after(
        f"{program}\nagain.again(OSError('gone'), lambda error: True, lambda: 'an answer')"
    )

    assert not loaded & {"stamina", "tenacity"}
    assert {"stamina", "tenacity"} <= tried


def test_the_terminal_library_loads_where_it_is_wanted_later() -> None:
    loaded = modules_after("from offpeakd.adapters import logs\nimport rich.live")

    assert "rich.live" in loaded
