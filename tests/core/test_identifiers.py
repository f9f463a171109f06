import pytest

from offpeakd.core.identifiers import (
    IdentifierError,
    is_instance_id,
    is_project_id,
    parse_instance_id,
    parse_project_id,
    shown,
)

HEX = "046287aae57843b1a7bc61b7a8812f41"


def test_an_instance_id_is_taken_as_it_is() -> None:
    assert parse_instance_id(f"{HEX}in02") == f"{HEX}in02"
    assert is_instance_id(f"{HEX}in02")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("abc", "Copy it from the console's list of DDS instances, or from the API."),
        ("", "Copy it from the console's list of DDS instances, or from the API."),
        (f"{HEX[:-1]}/in02", "Copy it from the console's list of DDS instances, or from the API."),
        (f"{HEX}%2Fin02", "Copy it from the console's list of DDS instances, or from the API."),
        (f"{HEX}in02\n", "Copy it from the console's list of DDS instances, or from the API."),
        (f"{HEX}in02 ", "Copy it from the console's list of DDS instances, or from the API."),
        (f"{HEX[:-1]}in02", "Copy it from the console's list of DDS instances, or from the API."),
        (f"{HEX}1in02", "Copy it from the console's list of DDS instances, or from the API."),
        (
            "\u0663" * 32 + "in02",
            "Copy it from the console's list of DDS instances, or from the API.",
        ),
        (f"{HEX.upper()}IN02", f"Write it in lower case: {HEX}in02."),
        (
            f"{HEX}in03",
            "Ids ending in in03 belong to another service; give the id of a DDS instance.",
        ),
        (
            f"{HEX}no02",
            "It is the id of a node or a group; give the id of the instance it belongs to.",
        ),
        (
            f"{HEX}gr02",
            "It is the id of a node or a group; give the id of the instance it belongs to.",
        ),
        (HEX, "It looks like a project id; give the id of an instance, which ends in in02."),
    ],
)
def test_anything_else_is_refused_with_what_it_looks_like(text: str, hint: str) -> None:
    with pytest.raises(IdentifierError) as caught:
        parse_instance_id(text)

    assert caught.value.what.endswith("is not a DDS instance id (32 hexadecimal digits and in02)")
    assert caught.value.fix == hint
    assert str(caught.value) == f"{caught.value.what}. {hint}"
    assert not is_instance_id(text)


def test_a_project_id_is_taken_as_it_is() -> None:
    assert parse_project_id(HEX) == HEX
    assert is_project_id(HEX)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (HEX.upper(), f"Write it in lower case: {HEX}."),
        (
            HEX[:-1],
            "Copy it from the console: My Credentials, API Credentials, the region's row.",
        ),
        ("../", "Copy it from the console: My Credentials, API Credentials, the region's row."),
    ],
)
def test_anything_else_is_no_project_id(text: str, hint: str) -> None:
    with pytest.raises(IdentifierError, match="is not a project id") as caught:
        parse_project_id(text)

    assert caught.value.fix == hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc", "'abc'"),
        ("a\n\x1b[31m", r"'a\n\x1b[31m'"),
        ("\u202ex", r"'\u202ex'"),
        ("x" * 60, "'" + "x" * 60 + "'"),
        ("x" * 61, "'" + "x" * 60 + "…'"),
    ],
    ids=["plain", "control characters", "direction override", "just fits", "one too long"],
)
def test_foreign_text_is_shown_escaped_and_cut(text: str, expected: str) -> None:
    assert shown(text) == expected
