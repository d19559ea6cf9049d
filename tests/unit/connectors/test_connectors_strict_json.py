"""JSON from sources is read strictly, and fast where it is plain."""

import json

import pytest

from connectors.errors import SourceBroken
from connectors.strict_json import MAX_DEPTH, parse_json


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 2}',
        b'{"a":1,"a":1}',
        b'{"a": {"b": 1, "b": 1}}',
        b'[{"a": "x:y", "\\u0061": 2}]',
        b'{"a": "\\u003a", "b": 1, "b": 2}',
        b'{"a": "\\u003A\\u003a", "b": {"c": "::", "c": ""}}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b"[1,]",
        b"{'a': 1}",
        b'{"a": "\xff"}',
        '{"姓名": "陈"}'.encode("gb18030"),
        '{"a": 1}'.encode("utf-16"),
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\\ud800"}',
        b'{"a": 1} trailing',
        b"<html><body>502</body></html>",
        b"  \n<?xml version='1.0'?>",
        b"",
        b"   ",
        b"[" * 100 + b"]" * 100,
        b"[" * 200_000,
        b'{"a":' * 70 + b"1" + b"}" * 70,
    ],
)
def test_what_is_not_strictly_json_is_refused(body: bytes) -> None:
    """Duplicate keys however they are spelt, NaN, other encodings, markup, depth: refused without a quotation."""
    with pytest.raises(SourceBroken) as caught:
        parse_json(body)

    assert body.decode("latin-1").strip() not in str(caught.value) or not body.strip()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "document",
    [
        {"code": 0, "data": {"姓名": "陈:小满", "时间": "12:30:00", "url": "http://x:1/"}},
        {"a": {"b": 1}, "c": {"b": 1}},
        [{"n": number} for number in range(200)],
        {"big": 123456789012345678901234567890, "id": 350582199106039960, "f": 1.5, "e": "1e5"},
        {"name1": 2e300},
        [],
        0,
        None,
        12345678901234567890123,
        [18446744073709551616, -9223372036854775809],
    ],
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_what_is_json_is_read_as_it_stands(document: object, ascii_only: bool) -> None:
    """Colons in texts, escapes, many rows, integers of any length: nothing is lost."""
    for indent in (None, 2):
        body = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode()

        assert parse_json(body) == document


def test_escaped_colons_are_read_too() -> None:
    """The slow way gives the same as the fast one."""
    assert parse_json(b'{"a": "x\\u003ay", "b": "\\u003A"}') == {"a": "x:y", "b": ":"}


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 255, 300, 1_000, 100_000])
@pytest.mark.parametrize(("opens", "closes"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_depth_beyond_the_limit_is_refused_as_the_sources_fault(
    depth: int, opens: bytes, closes: bytes
) -> None:
    """However deep an answer nests, it is refused in the one way that callers know."""
    with pytest.raises(SourceBroken):
        parse_json(opens * depth + b"1" + closes * depth)


def test_depth_is_allowed_up_to_the_limit() -> None:
    """Exactly the limit is read; one more is not."""
    body = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    wide = b"[" + b"[],{}," * 500 + b"0]"

    parse_json(body)
    parse_json(wide)
    with pytest.raises(SourceBroken):
        parse_json(b"[" + body + b"]")


@pytest.mark.parametrize("allowed", [b'{"a":' * 63 + b"{}" + b"}" * 63, b'[{"a":' * 32 + b"1" + b"}]" * 32])
@pytest.mark.parametrize("around", [(b'{"a":', b"}"), (b"[", b"]")])
def test_one_level_more_than_the_limit_is_refused_however_it_is_made(
    allowed: bytes, around: tuple[bytes, bytes]
) -> None:
    """The limit in as few colons and brackets as there can be; one more is too deep."""
    parse_json(allowed)

    with pytest.raises(SourceBroken):
        parse_json(allowed.join(around))


@pytest.mark.parametrize(
    "text", ['{"n":123456789012345678901234567890}', "[1.2345678901234568e+29,2.5]", "[1e2]"]
)
def test_numbers_are_read_exactly_in_compact_documents_too(text: str) -> None:
    """An integer keeps every digit and a float is the float, however little there is around them."""
    assert repr(parse_json(text.encode())) == repr(json.loads(text))
