"""Foreign text on a screen."""

import pytest

from offpeakd.cli.safe_text import display_width, shortened


@pytest.mark.parametrize(
    ("text", "width"),
    [("shop", 4), ("数据库", 6), ("é", 1), ("e\u0301", 1)],
    ids=["latin", "wide", "accent", "combining"],
)
def test_a_width_is_counted_in_columns(text: str, width: int) -> None:
    assert display_width(text) == width


@pytest.mark.parametrize(
    ("text", "width", "kept"),
    [("shop", 4, "shop"), ("shopping", 4, "sho…"), ("数据库", 5, "数据…"), ("数据库", 4, "数…")],
    ids=["fits", "cut", "wide", "wide-odd"],
)
def test_a_long_text_is_cut_to_its_columns(text: str, width: int, kept: str) -> None:
    assert shortened(text, width) == kept
