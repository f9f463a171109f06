"""Settings become what the core and the adapters take."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from offpeakd.core.errors import CredentialsError
from offpeakd.core.policy import Policy
from offpeakd.settings.cautions import never_open
from offpeakd.settings.convert import calendar_of, policy_of, targets_of
from offpeakd.settings.references import credential_path, database_place
from settings.configuration_text import PROJECT, TARGET, WHOLE, WINDOW, ZONE, loaded, written

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_defaults_are_those_of_the_policy(tmp_path: Path) -> None:
    assert policy_of(loaded(tmp_path).settings) == Policy()


def test_every_limit_reaches_the_policy(tmp_path: Path) -> None:
    text = WHOLE + (
        "release: {batch_size: 1, poll: 2s, guard: 3s, min_notice: 4s, preflight: 5s}\n"
        "retry: {attempts: 6, first: 7s, most: 8s}\n"
        "follow_up: {every: 9s, overdue: 10s}\n"
        "reconcile: {fence: 20m, every: 11s, looks: 12}\n"
        "lease: {ttl: 13s}\n"
        "retention: {finished: 14d}\n"
    )
    second = timedelta(seconds=1)
    assert policy_of(loaded(tmp_path, text).settings) == Policy(
        batch_size=1,
        poll=2 * second,
        guard=3 * second,
        min_notice=4 * second,
        preflight=5 * second,
        retry_attempts=6,
        retry_first=7 * second,
        retry_most=8 * second,
        follow_up_every=9 * second,
        overdue=10 * second,
        fence=timedelta(minutes=20),
        reconcile_every=11 * second,
        looks=12,
        lease_ttl=13 * second,
        retention=timedelta(days=14),
    )


def test_windows_freezes_and_groups_reach_the_calendar(tmp_path: Path) -> None:
    text = WHOLE + (
        "  days: {from: 10:00, for: 4h, timezone: UTC}\n"
        "groups: {a: {windows: [days]}, b: {}}\n"
        "freezes: [{name: f, from: 2026-11-23, to: 2026-11-23, groups: [b]}]\n"
    )
    calendar = calendar_of(loaded(tmp_path, text).settings)
    assert calendar.groups == ("a", "b")
    assert calendar.at(NOW, "a").verdict == "open"
    assert calendar.at(NOW, "b").verdict == "frozen"
    assert calendar.at(NOW).verdict == "open"


def test_addresses_follow_from_the_region(tmp_path: Path) -> None:
    (target,) = targets_of(loaded(tmp_path).settings)
    assert (target.name, target.region, target.project_id) == ("prod", "eu-west-101", PROJECT)
    assert target.endpoint == "https://dds.eu-west-101.myhuaweicloud.eu"
    assert target.iam_endpoint == "https://iam.eu-west-101.myhuaweicloud.eu"
    assert target.credentials is None


def test_a_region_nobody_knows_needs_its_address(tmp_path: Path) -> None:
    text = ZONE + TARGET.replace("eu-west-101", "moon-1") + "    endpoint: http://127.0.0.1:1/\n"
    (target,) = targets_of(loaded(tmp_path, text + WINDOW).settings)
    assert (target.endpoint, target.iam_endpoint) == ("http://127.0.0.1:1", "")


@pytest.mark.parametrize(
    ("text", "environ", "path"),
    [
        ("/keys/a", {"CREDENTIALS_DIRECTORY": "/run/c"}, "/keys/a"),
        ("a", {"CREDENTIALS_DIRECTORY": "/run/c"}, "/run/c/a"),
        ("keys/a", {"CREDENTIALS_DIRECTORY": "/run/c"}, "/etc/offpeakd/keys/a"),
        ("a", {}, "/etc/offpeakd/a"),
        ("a", {"CREDENTIALS_DIRECTORY": ""}, "/etc/offpeakd/a"),
    ],
)
def test_key_files_are_found(text: str, environ: dict[str, str], path: str) -> None:
    assert credential_path(text, environ, Path("/etc/offpeakd")) == Path(path)


def test_the_password_comes_from_its_file(tmp_path: Path) -> None:
    written(tmp_path, "p@ss:/w?rd\n", "db.password")
    url = "postgresql://o@localhost/q"
    text = WHOLE + f"database: {{url: '{url}', password_file: db.password}}\n"
    found = loaded(tmp_path, text)
    expected = "postgresql+psycopg://o:p%40ss%3A%2Fw%3Frd@localhost/q"
    assert database_place(found, {}).address() == expected
    assert "p%40ss" not in repr(found)


def test_a_database_without_password_file_keeps_its_address(tmp_path: Path) -> None:
    assert (
        database_place(loaded(tmp_path), {}).address() == "sqlite:////var/lib/offpeakd/offpeakd.db"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "can't be read: No such file or directory"),
        (b"", "has nothing in it"),
        (b"one\ntwo\n", "has two lines in it"),
        (b"\xff", "is not UTF-8"),
    ],
)
def test_a_password_file_that_has_none_is_named(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        written(tmp_path, content, "pw")
    text = WHOLE + "database: {url: 'postgresql://o@localhost/q', password_file: pw}\n"
    with pytest.raises(CredentialsError, match=words) as caught:
        database_place(loaded(tmp_path, text), {}).address()
    assert str(tmp_path / "pw") in str(caught.value)


def test_a_window_of_the_past_is_said_to_stay_shut(tmp_path: Path) -> None:
    text = WHOLE + "  once: {dates: [2026-11-20], from: 10:00, to: 11:00}\n"
    settings = loaded(tmp_path, text).settings
    assert never_open(settings, NOW) == ("windows.once: does not open in the next 400 days",)
    assert never_open(settings, NOW - timedelta(days=10)) == ()
