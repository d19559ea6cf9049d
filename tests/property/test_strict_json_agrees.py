"""Strict JSON, fast: the quick check for duplicate keys says the same as asking at every object."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.errors import SourceBroken
from connectors.strict_json import parse_json

SPELLINGS = {
    ":": (":", "\\u003a", "\\u003A"),
    "a": ("a", "\\u0061"),
    '"': ('\\"', "\\u0022"),
    "/": ("/", "\\/"),
    "\\": ("\\\\",),
    "号": ("号", "\\u53f7"),
    "e": ("e",),
    "1": ("1",),
}


@st.composite
def texts(draw: Any) -> str:
    """A JSON string in one of its spellings."""
    letters = draw(st.lists(st.sampled_from(sorted(SPELLINGS)), max_size=4))
    return '"' + "".join(draw(st.sampled_from(SPELLINGS[letter])) for letter in letters) + '"'


scalars = st.one_of(
    texts(),
    st.sampled_from(
        ["0", "-1.5", "1e5", "1E400", "true", "null", "12345678901234567890123", "350582199106039960"]
    ),
)
spaces = st.sampled_from(["", " ", "\n\t"])


@st.composite
def containers(draw: Any, inner: Any) -> str:
    """An object, whose keys may repeat, or an array."""
    space = draw(spaces)
    if draw(st.booleans()):
        return "[" + f"{space},".join(draw(st.lists(inner, max_size=4))) + "]"
    pairs = draw(st.lists(st.tuples(texts(), inner), max_size=4))
    return "{" + ",".join(f"{space}{key}{space}:{space}{value}" for key, value in pairs) + "}"


def read_carefully(text: str) -> Any:
    """The document, asked at every object whether a key repeats; None when one does."""
    repeated = []

    def hook(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        repeated.extend([True] * (len(pairs) - len(dict(pairs))))
        return dict(pairs)

    document = json.loads(text, object_pairs_hook=hook)
    return None if repeated else [document]


@given(st.recursive(scalars, containers, max_leaves=12))
@settings(max_examples=300)
def test_the_quick_check_says_the_same_as_the_careful_one(text: str) -> None:
    """However keys and colons are spelt: what has a duplicate is refused, what has none is read exactly."""
    expected = (
        None if "1E400" in text else read_carefully(text)
    )  # infinite to one reader, refused by the other
    try:
        found = [parse_json(text.encode())]
    except SourceBroken:
        found = None

    assert found == expected
