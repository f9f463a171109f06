"""Files, drop-ins and variables come together as one configuration."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from offpeakd.adapters.sql.address import address_of
from offpeakd.core.errors import ConfigurationError
from offpeakd.settings.load import load
from settings.configuration_text import (
    PROJECT,
    TARGET,
    WHOLE,
    WINDOW,
    ZONE,
    complaint,
    loaded,
    written,
)


def test_ten_lines_are_a_configuration(tmp_path: Path) -> None:
    found = loaded(tmp_path)
    assert found.settings.timezone == "Europe/Amsterdam"
    assert found.files == (tmp_path / "offpeakd.yaml",)
    assert found.folder == tmp_path
    assert found.warnings == ()


@pytest.mark.parametrize("time", ["22:30", "'22:30'", '"22:30"'])
def test_times_need_no_quotes(tmp_path: Path, time: str) -> None:
    window = WINDOW.replace("'23:00'", time)
    assert loaded(tmp_path, ZONE + TARGET + window).settings.windows["nights"].start == "22:30"


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbf" + WHOLE.replace("\n", "\r\n").encode()
    assert loaded(tmp_path, text).settings == loaded(tmp_path).settings


def test_one_item_stands_for_a_list(tmp_path: Path) -> None:
    text = WHOLE + "    days: mon-thu, sat\n    month_days: -1\n"
    window = loaded(tmp_path, text).settings.windows["nights"]
    assert (window.days, window.month_days) == (("mon-thu", "sat"), (-1,))


@pytest.mark.parametrize("project", ["12345678901234567890123456789012", "1" * 31 + "e"])
def test_an_id_of_digits_stays_text(tmp_path: Path, project: str) -> None:
    text = WHOLE.replace(PROJECT, project)
    assert loaded(tmp_path, text).settings.targets["prod"].project_id == project


# --------------------------------------------------------------------------- where


def test_a_named_file_wins_over_the_variable_and_the_variable_over_the_folder(
    tmp_path: Path,
) -> None:
    written(tmp_path, WHOLE)
    named = written(tmp_path, WHOLE, "named.yaml")
    by_variable = written(tmp_path, WHOLE, "variable.yaml")
    environ = {"OFFPEAKD_CONFIG": "variable.yaml"}
    assert load(Path("named.yaml"), environ, tmp_path).files == (named,)
    assert load(None, environ, tmp_path).files == (by_variable,)
    assert load(None, {}, tmp_path).files == (tmp_path / "offpeakd.yaml",)


@pytest.mark.parametrize(
    ("variable", "place"),
    [("XDG_CONFIG_HOME", "own/offpeakd"), ("HOME", "own/.config/offpeakd")],
)
def test_the_users_own_file_is_found(tmp_path: Path, variable: str, place: str) -> None:
    path = written(tmp_path / place, WHOLE)
    work = tmp_path / "work"
    work.mkdir()
    assert load(None, {variable: str(tmp_path / "own")}, work).files == (path,)


def test_nothing_found_names_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(None, {"XDG_CONFIG_HOME": "/nowhere"}, tmp_path)
    assert str(caught.value) == (
        "offpeakd.yaml: no configuration; looked for offpeakd.yaml, "
        "/nowhere/offpeakd/offpeakd.yaml, /etc/offpeakd/offpeakd.yaml. "
        "Write one with `offpeakd config init`, or name one with --config FILE."
    )


def test_a_named_file_has_to_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(Path("other.yaml"), {}, tmp_path)
    assert str(caught.value) == (
        "other.yaml: there is no such file. "
        "Check the path, or write one with `offpeakd config init`."
    )


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, {}, tmp_path)
    assert str(caught.value) == f"{tmp_path}: this is a folder. Name the file in it."


def test_a_folder_of_drop_ins_that_cannot_be_listed_is_no_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "conf.d").symlink_to("conf.d")
    assert complaint(tmp_path, WHOLE) == (
        "conf.d: can't be listed: Too many levels of symbolic links. "
        "Let the user that runs offpeakd read and enter it."
    )


def test_an_endless_name_is_refused_like_any_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read: File name too long"):
        load(Path("x" * 300), {}, tmp_path)


# --------------------------------------------------------------------------- drop-ins


def test_drop_ins_add_to_maps_replace_lists_and_the_later_one_wins(tmp_path: Path) -> None:
    written(tmp_path, "release: {poll: 7s}\n", "conf.d/10-site.yaml")
    written(tmp_path, "release: {poll: 9s}\n", "conf.d/20-mine.yaml")
    written(tmp_path, "windows: {day: {from: 12:00, to: 13:00}}\n", "conf.d/30-window.yaml")
    found = loaded(tmp_path, WHOLE + "release: {poll: 6s, guard: 20s}\n")
    assert found.settings.release.poll == timedelta(seconds=9)
    assert found.settings.release.guard == timedelta(seconds=20)
    assert list(found.settings.windows) == ["nights", "day"]
    assert found.origins["release.poll"] == "conf.d/20-mine.yaml:1"
    assert found.origins["release.guard"] == "offpeakd.yaml:10"
    assert found.origins["release.preflight"] == "default"
    assert [path.name for path in found.files] == [
        "offpeakd.yaml",
        "10-site.yaml",
        "20-mine.yaml",
        "30-window.yaml",
    ]


def test_files_of_another_ending_are_named_and_not_read(tmp_path: Path) -> None:
    written(tmp_path, "timezone: UTC\n", "conf.d/zone.yml")
    written(tmp_path, "timezone: UTC\n", "conf.d/.hidden.yaml")
    written(tmp_path, "by me", "conf.d/README")
    found = loaded(tmp_path)
    assert found.settings.timezone == "Europe/Amsterdam"
    assert found.warnings == ("conf.d/zone.yml is not read; only files that end in .yaml are",)


def test_problems_of_all_files_and_variables_come_together(tmp_path: Path) -> None:
    written(tmp_path, "a: [\n", "conf.d/1.yaml")
    written(tmp_path, "retry: {attempts: 0}\n", "conf.d/2.yaml")
    text = WHOLE.replace("Europe/Amsterdam", "Europe/Amsterdm")
    lines = complaint(tmp_path, text, OFFPEAKD_RELEASE__POLL="5").splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        "conf.d/1.yaml:2:1",
        "conf.d/2.yaml:1:19",
        "environment",
        "offpeakd.yaml:1:11",
    ]


def test_what_an_unreadable_file_may_hold_is_not_called_missing(tmp_path: Path) -> None:
    written(tmp_path, "targets: [\n", "conf.d/1.yaml")
    assert complaint(tmp_path, ZONE) == (
        "conf.d/1.yaml:2:1: a list or a map in brackets has no end. Close it with ] or }."
    )


# --------------------------------------------------------------------------- variables


def test_variables_override_files(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        WHOLE.replace("prod:", "Prod-EU.1:"),
        OFFPEAKD_RELEASE__BATCH_SIZE="5",
        OFFPEAKD_DATABASE__ALLOW_PLAIN="true",
        OFFPEAKD_TARGETS__PROD_EU_1__IN_FLIGHT="7",
        OFFPEAKD_WINDOWS__NIGHTS__DAYS="mon,tue",
        OFFPEAKD_LOG__LEVEL="",
    )
    assert found.settings.release.batch_size == 5
    assert found.settings.database.allow_plain
    assert found.settings.targets["Prod-EU.1"].in_flight == 7
    assert found.settings.windows["nights"].days == ("mon", "tue")
    assert found.settings.log.level == "info"
    assert found.origins["release.batch_size"] == "OFFPEAKD_RELEASE__BATCH_SIZE"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "OFFPEAKD_RELEASE__BATCH_SIZ",
            "5",
            "unknown key 'batch_siz'. Did you mean batch_size?",
        ),
        ("OFFPEAKD_RELEASE_POLL", "5s", "unknown variable. Did you mean OFFPEAKD_RELEASE__POLL?"),
        ("OFFPEAKD_TIMEZON", "UTC", "unknown variable. Did you mean OFFPEAKD_TIMEZONE?"),
        (
            "OFFPEAKD_RELEASE__BATCH_SIZE",
            "11",
            "11 is out of range. Write a number from 1 to 10 (limit of the DDS call).",
        ),
        (
            "OFFPEAKD_RELEASE",
            "fast",
            (
                "expected a map, got 'fast'. "
                "Write its keys below it, indented: batch_size, guard, min_notice and so on."
            ),
        ),
    ],
)
def test_a_wrong_variable_is_refused_by_name(
    tmp_path: Path, name: str, value: str, message: str
) -> None:
    assert complaint(tmp_path, WHOLE, **{name: value}) == f"environment: {name}: {message}"


def test_what_kubernetes_adds_beside_a_service_is_no_setting(tmp_path: Path) -> None:
    assert not complaint(
        tmp_path,
        WHOLE,
        OFFPEAKD_SERVICE_HOST="10.0.0.1",
        OFFPEAKD_SERVICE_PORT="8417",
        OFFPEAKD_PORT="tcp://10.0.0.1:8417",
        OFFPEAKD_PORT_8417_TCP_ADDR="10.0.0.1",
    )


def test_this_processs_own_environment_has_no_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OFFPEAKD_TIMEZONE", "UTC")
    assert os.environ["OFFPEAKD_TIMEZONE"] == "UTC"
    assert loaded(tmp_path).settings.timezone == "Europe/Amsterdam"


# --------------------------------------------------------------------------- what comes of it


def test_the_hash_follows_values_not_spelling(tmp_path: Path) -> None:
    plain = loaded(tmp_path).hash
    assert loaded(tmp_path, "# a comment\n" + WHOLE + "release: {poll: 5000ms}\n").hash == plain
    assert loaded(tmp_path, WHOLE + "release: {poll: 6s}\n").hash != plain
    assert len(plain) == 12


@pytest.mark.parametrize(
    ("url", "becomes"),
    [
        ("sqlite:////srv/q.db", "sqlite:////srv/q.db"),
        ("sqlite:///q.db", "sqlite:///{folder}/q.db"),
        ("postgres://o@localhost/q", "postgresql+psycopg://o@localhost/q"),
        ("postgresql:///q?host=/run/postgresql", "postgresql+psycopg:///q?host=/run/postgresql"),
        (
            "postgresql://o@[::1]:5432/q",
            "postgresql+psycopg://o@[::1]:5432/q",
        ),
    ],
)
def test_a_database_address_is_written_in_full(tmp_path: Path, url: str, becomes: str) -> None:
    found = loaded(tmp_path, WHOLE + f"database: {{url: '{url}'}}\n")
    assert found.settings.database.url == becomes.format(folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (ZONE + TARGET, "no window: nothing will ever be released"),
        (
            WHOLE + "http: {listen: 'unix:/run/offpeakd/api.sock'}\n",
            "http: this version has no server; the section is checked and not used",
        ),
        (
            WHOLE + "database: {url: 'postgresql://o@db.example/q?sslmode=require'}\n",
            "database.url: nothing proves that the server is db.example; sslmode=verify-full does",
        ),
        (
            WHOLE + "reconcile: {fence: 10m}\n",
            (
                "reconcile.fence: a signed call can reach the cloud for 15 minutes, and clocks"
                " differ; less than 18m may start an upgrade twice"
            ),
        ),
        (
            WHOLE + "  b: {from: 01:00, to: 02:00}\ngroups: {x: {windows: [b]}}\n",
            "windows.nights: only requests of the default group use it",
        ),
    ],
)
def test_what_is_hardly_meant_is_said(tmp_path: Path, text: str, warning: str) -> None:
    assert loaded(tmp_path, text).warnings == (warning,)


def test_thousands_of_windows_load_in_seconds(tmp_path: Path) -> None:
    windows = "".join(f"  w{n}: {{from: '22:00', to: '23:00'}}\n" for n in range(5000))
    before = time.process_time()
    found = loaded(tmp_path, ZONE + TARGET + "windows:\n" + windows)
    assert len(found.settings.windows) == 5000
    assert time.process_time() - before < 10


def test_sections_without_keys_are_defaults(tmp_path: Path) -> None:
    found = loaded(tmp_path, WHOLE + "release:\ngroups:\n  a:\n")
    assert found.settings.release == loaded(tmp_path).settings.release
    assert found.settings.groups["a"].windows is None


@pytest.mark.parametrize("listen", ["localhost:8417", "'[::1]:8417'", "127.0.0.1:8417"])
def test_loopback_needs_no_token(tmp_path: Path, listen: str) -> None:
    http = loaded(tmp_path, WHOLE + f"http: {{listen: {listen}}}\n").settings.http
    assert http is not None
    assert http.token_file is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timezone: ''\n", "1:11: timezone: expected text, got an empty one"),
        (
            WHOLE + "    cutoff: [1]\n",
            "10:13: windows.nights.cutoff: expected a duration, got a list",
        ),
        (WHOLE + "    days: []\n", "10:11: windows.nights.days: the list is empty"),
        (WHOLE + "    month_days: 0x20\n", "10:17: windows.nights.month_days.0: "),
        (WHOLE + "log: {level: yes?}\n", "10:14: log.level: 'yes?' is not known here"),
        (WHOLE + "lease: {ttl: 10ms}\n", "10:14: lease.ttl: 10ms is too short. Write at least 1s."),
        (
            WHOLE + "release: {batch_size: ten}\n",
            "10:23: release.batch_size: expected a whole number",
        ),
        (
            WHOLE + "database: {url: 'sqlite:////a', password_file: pw/}\n",
            "10:48: database.password_file: this is not the name of a file",
        ),
        (
            WHOLE + "database: {url: 'sqlite://host/a'}\n",
            "10:17: database.url: a SQLite address has no host",
        ),
        (
            WHOLE + "database: {url: 'postgresql://localhost'}\n",
            "10:17: database.url: the address names no database",
        ),
        (
            WHOLE + "database: {url: 'postgresql://[x/y'}\n",
            "10:17: database.url: the address can't be read",
        ),
        (
            WHOLE + "groups: {a: {windows: 'nights, day'}}\n",
            "10:23: groups.a.windows: no window 'day'",
        ),
        (
            WHOLE
            + "freezes:\n- {name: a, month_days: 1}\n- {name: a, month_days: 2}\n- {month_days: 3}\n",
            "12:10: freezes.1.name: a second freeze 'a', the first at line 11",
        ),
        (
            ZONE
            + TARGET.replace("eu-west-101", "moon-1")
            + "    endpoint: https://dds.moon-1.myhuaweicloud.com\n"
            + "    credentials: {type: password, user: u, domain: d, password_file: p}\n",
            (
                "4:13: targets.prod.region: no region 'moon-1' is known. "
                "Give its `iam_endpoint` too: the password is sent there for a token."
            ),
        ),
    ],
)
def test_what_else_does_not_fit_is_named_with_its_place(
    tmp_path: Path, text: str, message: str
) -> None:
    assert f"offpeakd.yaml:{message}" in complaint(tmp_path, text)


def test_a_database_beside_the_configuration_is_found_whatever_its_folder_is_called(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "50% off #1?"
    folder.mkdir()
    (folder / "offpeakd.yaml").write_text(WHOLE + "database: {url: 'sqlite:///a%20b.db'}\n")
    url = load(folder / "offpeakd.yaml", {}, tmp_path).settings.database.url
    assert address_of(url).file == folder / "a b.db"
