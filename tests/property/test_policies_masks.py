"""Masking on any text: total, never more than its rule shows, and masking twice changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.mask import MASKS, mask

HIDING = sorted(set(MASKS) - {""})
IN_PLACE = sorted(set(HIDING) - {"address", "full"})
# Names, digits, Han of the basic plane and of Extension B, emoji, combining marks, and anything else.
texts = st.text(
    st.sampled_from("张三欧阳司马市区县镇小号路𠮷𪚥😀é̄ Ab1２9-/年·*\n") | st.characters(), max_size=24
)
digits = st.text("0123456789X", min_size=1, max_size=24)


@given(st.sampled_from(sorted(MASKS)), texts)
def test_masking_is_total(rule, text):
    """Whatever a source sends, there is something to show."""
    assert isinstance(mask(rule, text), str)


@given(st.sampled_from(sorted(MASKS)), texts)
def test_masking_twice_changes_nothing(rule, text):
    """What is masked can be masked again without harm."""
    masked = mask(rule, text)

    assert mask(rule, masked) == masked


@given(st.sampled_from(IN_PLACE), texts)
def test_in_place_masks_keep_length_and_position(rule, text):
    """Every character is shown as it is where it is, or hidden."""
    masked = mask(rule, text)

    assert len(masked) == len(text)
    assert all(shown in ("*", original) for shown, original in zip(masked, text, strict=True))


@pytest.mark.parametrize(("rule", "most"), [("id_no", 8), ("phone", 7), ("bank", 8), ("plate", 5)])
@given(text=digits)
def test_numbers_show_a_bounded_part(rule, most, text):
    """No number shows more than its rule's ends, and never more than five sevenths of itself."""
    shown = len(text) - mask(rule, text).count("*")

    assert shown <= most
    assert shown * 7 <= len(text) * 5
    assert shown < len(text)


@given(st.text(st.sampled_from("欧阳司马张王李三四五𠮷𪚥"), min_size=1, max_size=8))
def test_a_han_name_shows_its_surname_at_most(name):
    """One character, or the two of a compound surname; never the whole name."""
    masked = mask("name", name)

    shown = len(name) - masked.count("*")
    assert shown <= 2
    assert shown < len(name)
    assert masked == name[:shown] + "*" * (len(name) - shown)


@given(texts)
def test_an_address_never_shows_a_digit(text):
    """House, building and room numbers do not pass, in whatever script."""
    masked = mask("address", text)

    assert not any(each.isdecimal() for each in masked)
    assert text.startswith(masked.removesuffix("****"))


@given(st.dates())
def test_a_date_shows_its_year_only(date):
    """Month and day are hidden."""
    assert mask("date", date.isoformat()) == f"{date.isoformat()[:4]}-**-**"


@given(texts.filter(bool))
def test_full_shows_nothing_not_even_the_length(text):
    """Every value looks the same."""
    assert mask("full", text) == "***"
