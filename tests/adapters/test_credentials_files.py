"""Keys, tokens and passwords in files and in the environment."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from fakes.dds_target import AK, SK, address_of
from fakes.set_clock import START, SetClock
from offpeakd.adapters.huaweicloud.credentials.authorizing import Credentials
from offpeakd.adapters.huaweicloud.credentials.opening import check_credentials, open_credentials
from offpeakd.adapters.huaweicloud.credentials.references import (
    AccessKeyFiles,
    EcsAgency,
    EnvironmentKeys,
    PasswordFile,
    Reference,
    TokenFile,
)
from offpeakd.adapters.huaweicloud.transport import Call
from offpeakd.core.errors import CredentialsError, Problem

CANARY = "canary-5f1d-secret"
LIST = Call("GET", "/v3/x/instances")
HEADERS = {"Host": "dds.example", "Content-Type": "application/json"}


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def opened(reference: Reference, environ: dict[str, str] | None = None) -> Credentials:
    return open_credentials(
        reference, address_of("http://127.0.0.1:1"), SetClock(), {} if environ is None else environ
    )


def headers_of(credentials: Credentials) -> dict[str, str]:
    return dict(credentials.authorize(LIST, HEADERS).headers)


@pytest.fixture
def key_files(tmp_path: Path) -> AccessKeyFiles:
    return AccessKeyFiles(
        write(tmp_path / "prod.ak", f"{AK}\n".encode()),
        write(tmp_path / "prod.sk", f"{SK}\r\n".encode()),
    )


def test_a_key_in_files_signs_and_fences(key_files: AccessKeyFiles) -> None:
    credentials = opened(key_files)

    authorized = credentials.authorize(LIST, HEADERS)

    assert credentials.fenced
    assert authorized.at == START.replace(microsecond=0)
    assert authorized.headers["X-Sdk-Date"] == "20240102T030405Z"
    assert authorized.headers["Authorization"].startswith(
        f"SDK-HMAC-SHA256 Access={AK}, SignedHeaders=content-type;host;x-sdk-date, Signature="
    )
    assert check_credentials(key_files, {}) == []
    assert not credentials.renew()
    credentials.close()


def test_a_security_token_is_sent_and_signed(key_files: AccessKeyFiles, tmp_path: Path) -> None:
    token = write(tmp_path / "prod.token", b"TEMPORARY")
    reference = AccessKeyFiles(key_files.access_key_file, key_files.secret_key_file, token)

    headers = headers_of(opened(reference))

    assert headers["X-Security-Token"] == "TEMPORARY"
    assert ";x-sdk-date;x-security-token," in headers["Authorization"]


def test_a_key_that_is_replaced_is_used_from_then_on(key_files: AccessKeyFiles) -> None:
    credentials = opened(key_files)
    first = headers_of(credentials)

    replacement = write(key_files.access_key_file.with_suffix(".new"), b"OTHERKEY")
    replacement.rename(key_files.access_key_file)

    assert "Access=OTHERKEY," in headers_of(credentials)["Authorization"]
    assert f"Access={AK}," in first["Authorization"]


def test_a_key_that_is_rewritten_in_place_is_used_from_then_on(key_files: AccessKeyFiles) -> None:
    credentials = opened(key_files)
    first = headers_of(credentials)
    write(key_files.secret_key_file, SK[::-1].encode())
    later = key_files.secret_key_file.stat().st_mtime + 1
    os.utime(key_files.secret_key_file, (later, later))

    assert headers_of(credentials) != first


def test_a_key_that_vanishes_is_an_error_and_heals(key_files: AccessKeyFiles) -> None:
    credentials = opened(key_files)
    headers_of(credentials)
    key_files.secret_key_file.unlink()

    with pytest.raises(CredentialsError, match="the file does not exist"):
        headers_of(credentials)

    write(key_files.secret_key_file, SK.encode())
    assert "Authorization" in headers_of(credentials)


def test_a_token_in_a_file_is_sent_and_does_not_fence(tmp_path: Path) -> None:
    credentials = opened(TokenFile(write(tmp_path / "token", b"A-TOKEN\n")))

    authorized = credentials.authorize(LIST, HEADERS)

    assert not credentials.fenced
    assert authorized.headers == HEADERS | {"X-Auth-Token": "A-TOKEN"}
    assert authorized.at == START
    assert not credentials.renew()
    credentials.close()


def test_the_environment_of_the_official_sdk_signs() -> None:
    environ = {
        "HUAWEICLOUD_SDK_AK": AK,
        "HUAWEICLOUD_SDK_SK": SK,
        "HUAWEICLOUD_SDK_SECURITY_TOKEN": "TEMPORARY",
    }
    credentials = opened(EnvironmentKeys(), environ)

    headers = headers_of(credentials)

    assert headers["X-Security-Token"] == "TEMPORARY"
    assert credentials.fenced
    assert not credentials.renew()
    credentials.close()


def test_the_process_environment_is_read_unless_another_is_given() -> None:
    os.environ.update({"HUAWEICLOUD_SDK_AK": AK, "HUAWEICLOUD_SDK_SK": SK})
    try:
        credentials = open_credentials(
            EnvironmentKeys(), address_of("http://127.0.0.1:1"), SetClock()
        )

        assert f"Access={AK}," in headers_of(credentials)["Authorization"]
        assert check_credentials(EnvironmentKeys()) == []
    finally:
        del os.environ["HUAWEICLOUD_SDK_AK"], os.environ["HUAWEICLOUD_SDK_SK"]


@pytest.mark.parametrize(
    ("environ", "what"),
    [
        ({}, "HUAWEICLOUD_SDK_AK is not set"),
        ({"HUAWEICLOUD_SDK_AK": AK, "HUAWEICLOUD_SDK_SK": ""}, "HUAWEICLOUD_SDK_SK is not set"),
        (
            {"HUAWEICLOUD_SDK_AK": AK, "HUAWEICLOUD_SDK_SK": f"{CANARY}\n"},
            "HUAWEICLOUD_SDK_SK holds characters that it can't have",
        ),
        (
            {"HUAWEICLOUD_SDK_AK": AK, "HUAWEICLOUD_SDK_SK": f"{CANARY} x"},
            "HUAWEICLOUD_SDK_SK holds characters that it can't have",
        ),
        (
            {
                "HUAWEICLOUD_SDK_AK": AK,
                "HUAWEICLOUD_SDK_SK": SK,
                "HUAWEICLOUD_SDK_SECURITY_TOKEN": f"é{CANARY}",
            },
            "HUAWEICLOUD_SDK_SECURITY_TOKEN holds characters that it can't have",
        ),
    ],
    ids=["nothing", "half a key", "line end", "space", "not ASCII"],
)
def test_an_unusable_environment_is_named(environ: dict[str, str], what: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        headers_of(opened(EnvironmentKeys(), environ))

    assert caught.value.message == f"environment: {what}"
    assert caught.value.fix == "Set it, or name files in the target's `credentials`."
    assert check_credentials(EnvironmentKeys(), environ)[0].what == what
    assert CANARY not in f"{caught.value!r} {check_credentials(EnvironmentKeys(), environ)}"


BAD_FILES: list[tuple[str, Callable[[Path], object], str, str]] = [
    (
        "missing",
        lambda path: path,
        "the file does not exist",
        "Create it with mode 600, or correct the path.",
    ),
    (
        "a folder",
        lambda path: path.mkdir(),
        "this is no regular file",
        "Name a file of one line.",
    ),
    ("a pipe", os.mkfifo, "this is no regular file", "Name a file of one line."),
    (
        "empty",
        lambda path: write(path, b""),
        "the file is empty",
        "Put the secret on its first line.",
    ),
    (
        "blank",
        lambda path: write(path, b" \n"),
        "the file is empty",
        "Put the secret on its first line.",
    ),
    (
        "two lines",
        lambda path: write(path, f"{CANARY}\n{CANARY}\n".encode()),
        "the file has more than one line",
        "Put the secret alone on one line.",
    ),
    (
        "two line ends",
        lambda path: write(path, f"{CANARY}\n\n".encode()),
        "the file has more than one line",
        "Put the secret alone on one line.",
    ),
    (
        "too long",
        lambda path: write(path, CANARY.encode() * 10_000),
        "the file is too long",
        "Put the secret alone on one line.",
    ),
    (
        "spaces",
        lambda path: write(path, f" {CANARY}".encode()),
        "the file holds characters that it can't have",
        "Write it again as plain text: no quotes, spaces or byte-order mark.",
    ),
    (
        "a byte-order mark",
        lambda path: write(path, f"\ufeff{CANARY}".encode()),
        "the file holds characters that it can't have",
        "Write it again as plain text: no quotes, spaces or byte-order mark.",
    ),
    (
        "a control character",
        lambda path: write(path, f"{CANARY}\x00".encode()),
        "the file holds characters that it can't have",
        "Write it again as plain text: no quotes, spaces or byte-order mark.",
    ),
    (
        "open to the group",
        lambda path: write(path, CANARY.encode(), 0o640),
        "other users may read or change the file (mode 0640)",
        "Run: chmod 600 {path}",
    ),
    (
        "open to all",
        lambda path: write(path, CANARY.encode(), 0o604),
        "other users may read or change the file (mode 0604)",
        "Run: chmod 600 {path}",
    ),
]


@pytest.mark.parametrize(
    ("make", "what", "fix"),
    [case[1:] for case in BAD_FILES],
    ids=[case[0] for case in BAD_FILES],
)
def test_a_file_without_a_usable_secret_is_named_with_a_way_out(
    tmp_path: Path, make: Callable[[Path], object], what: str, fix: str
) -> None:
    path = tmp_path / "prod.sk"
    make(path)
    reference = AccessKeyFiles(write(tmp_path / "prod.ak", AK.encode()), path)

    with pytest.raises(CredentialsError) as caught:
        headers_of(opened(reference))

    assert caught.value.message == f"{path}: secret key: {what}"
    assert caught.value.fix == fix.format(path=path)
    assert check_credentials(reference, {}) == [
        Problem(str(path), 0, 0, "", f"secret key: {what}", fix.format(path=path))
    ]
    assert CANARY not in f"{caught.value!r} {caught.value} {caught.value.__cause__}"


def test_a_file_below_a_file_can_not_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "plain", b"x") / "token"

    (problem,) = check_credentials(TokenFile(path), {})

    assert problem.what == "token: the file can't be read (Not a directory)"


@contextmanager
def an_ordinary_user() -> Iterator[None]:
    """Root may read everything: whoever runs the tests as root stops being it for a moment."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_a_file_of_another_user_can_not_be_read(tmp_path: Path) -> None:
    path = write(tmp_path / "token", b"x", 0o000)

    with an_ordinary_user():
        user = os.geteuid()
        (problem,) = check_credentials(TokenFile(path), {})

    assert problem.what == "token: the file may not be read"
    assert problem.fix == f"Let the user that runs offpeakd own it: chown {user} {path}"


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    reference = AccessKeyFiles(tmp_path / "a", tmp_path / "b", tmp_path / "c")

    holds = [problem.what.partition(":")[0] for problem in check_credentials(reference, {})]

    assert holds == ["access key", "secret key", "security token"]


def test_the_mode_of_a_mounted_secret_is_the_platforms_choice(tmp_path: Path) -> None:
    path = write(tmp_path / "token", b"A-TOKEN", 0o444)

    assert check_credentials(TokenFile(path), {"CREDENTIALS_DIRECTORY": str(tmp_path)}) == []
    assert check_credentials(TokenFile(path), {"CREDENTIALS_DIRECTORY": ""}) != []


@pytest.mark.parametrize(
    "place",
    ["{folder}-other/token", "{folder}/../outside/token"],
    ids=["a like name", "a way out of it"],
)
def test_beside_a_mount_the_mode_counts(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "mount"
    folder.mkdir()
    path = Path(place.format(folder=folder))
    path.parent.mkdir(exist_ok=True)
    write(path, b"A-TOKEN", 0o444)

    assert check_credentials(TokenFile(path), {"CREDENTIALS_DIRECTORY": str(folder)}) != []


def test_a_password_may_hold_spaces_and_letters_of_any_language(tmp_path: Path) -> None:
    path = write(tmp_path / "password", "pässwört of mine\n".encode())

    assert check_credentials(PasswordFile("u", "d", path, "0" * 32), {}) == []


def test_an_agency_needs_no_file() -> None:
    assert check_credentials(EcsAgency(), {}) == []


def test_the_files_are_only_read(key_files: AccessKeyFiles) -> None:
    headers_of(opened(key_files))

    assert stat.S_IMODE(key_files.secret_key_file.stat().st_mode) == 0o600
    assert key_files.secret_key_file.read_bytes() == f"{SK}\r\n".encode()


def test_an_hour_later_the_same_key_signs_anew(key_files: AccessKeyFiles) -> None:
    clock = SetClock()
    credentials = open_credentials(key_files, address_of("http://127.0.0.1:1"), clock, {})
    first = credentials.authorize(LIST, HEADERS)
    clock.advance(timedelta(hours=1))

    assert credentials.authorize(LIST, HEADERS).at - first.at == timedelta(hours=1)
