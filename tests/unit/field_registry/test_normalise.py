"""Normalisers: one form for what registers write, None for nothing, a refusal that names the rule and not the text."""

import contextlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from field_registry import CodeList, Item
from field_registry.bindings import Transform
from field_registry.errors import NotNormal
from field_registry.items import Datatype
from field_registry.normalise import apply_transform, is_blank, normaliser_for, rows_normaliser

REFUSED = object()

NAMES = [
    ("张三", "张三"),
    (" 张　三 ", "张三"),
    ("阿依古丽•买买提", "阿依古丽·买买提"),
    ("阿依古丽・买买提", "阿依古丽·买买提"),
    ("阿依古丽.买买提", "阿依古丽·买买提"),
    ("阿依古丽 ‧ 买买提", "阿依古丽·买买提"),
    ("ＪＯＨＮ　Ａ．  ＳＭＩＴＨ", "JOHN A·SMITH"),
    ("John A. Smith", "John A. Smith"),
    ("張學良", "張學良"),
    ("𠮷田", "𠮷田"),
    ("\ufa0e\uf900", "\ufa0e\uf900"),
    ("泉州(厦门) 公司", "泉州（厦门）公司"),
    ("张\u200b三", "张三"),
    ("e\u0301lan", "élan"),
    ("无", "无"),
    ("NULL", None),
    ("-", None),
    ("　", None),
    ("张\x00三", REFUSED),
    ("\ud800", REFUSED),
    (True, REFUSED),
    (["张三"], REFUSED),
    ("张" * 201, REFUSED),
]
TEXTS = [
    ("  a\r\nb\t c ", "a\nb  c"),
    ("e\u0301", "é"),
    ("１２", "１２"),
    (12, "12"),
    ("N/A", None),
    ("\u200b", None),
    ("a\x07", REFUSED),
    (1.5, REFUSED),
    ({"a": 1}, REFUSED),
]
ADDRESSES = [
    ("福建省泉州市 丰泽区１２号Ａ座", "福建省泉州市 丰泽区12号A座"),
    ("福建省\n泉州市－３０１", "福建省 泉州市-301"),
    ("350503 福建省泉州市丰泽区", "350503 福建省泉州市丰泽区"),
    ("无", None),
]
DATES = [
    ("19730121", "1973-01-21"),
    ("1973-01-21", "1973-01-21"),
    ("1973-1-21", "1973-01-21"),
    ("1973/1/21", "1973-01-21"),
    ("1973.01.21", "1973-01-21"),
    ("1973年1月21日", "1973-01-21"),
    ("1973年01月21号", "1973-01-21"),
    ("１９７３年１月２１日", "1973-01-21"),
    ("一九七三年一月二十一日", "1973-01-21"),
    ("二〇二六年元月廿一日", "2026-01-21"),
    ("1973-01-21 00:00:00", "1973-01-21"),
    ("1973-01-21 00:00:00.0", "1973-01-21"),
    ("1973/1/21 0:00", "1973-01-21"),
    ("1973-01-21T00:00:00", "1973-01-21"),
    ("19730121083000", "1973-01-21"),
    ("2026-03-01T23:30:00Z", "2026-03-02"),
    ("2026-03-01T08:30:00+08:00", "2026-03-01"),
    ("1988-06-30T15:00:00Z", "1988-07-01"),
    (19730121, "1973-01-21"),
    (19730121.0, "1973-01-21"),
    (1700000000, "2023-11-15"),
    (1700000000000, "2023-11-15"),
    ("1700000000000", "2023-11-15"),
    (-315360000000, "1960-01-04"),
    (date(1973, 1, 21), "1973-01-21"),
    (datetime(2026, 3, 1, 23, 30, tzinfo=UTC), "2026-03-02"),
    ("长期", "9999-12-31"),
    ("99991231", "9999-12-31"),
    ("0000-00-00", None),
    ("0000-00-00 00:00:00", None),
    ("00000000", None),
    (0, None),
    ("无", None),
    ("", None),
    ("1973-02-30", REFUSED),
    ("03/04/2026", REFUSED),
    ("1973-01", REFUSED),
    ("197301", REFUSED),
    ("昨天", REFUSED),
    ("9999-12-31T23:59:59Z", REFUSED),
    (True, REFUSED),
    (1973.5, REFUSED),
    (float("nan"), REFUSED),
    (["1973-01-21"], REFUSED),
]
DATETIMES = [
    ("2026-03-01T23:30:00+08:00", "2026-03-01T15:30:00Z"),
    ("2026-03-01 23:30:00", "2026-03-01T15:30:00Z"),
    ("2026-03-01T15:30:00Z", "2026-03-01T15:30:00Z"),
    ("20260301233000", "2026-03-01T15:30:00Z"),
    (1700000000000, "2023-11-14T22:13:20Z"),
    (datetime(2026, 3, 1, 15, 30, tzinfo=UTC), "2026-03-01T15:30:00Z"),
    (date(2026, 3, 1), "2026-02-28T16:00:00Z"),
    ("0000-00-00 00:00:00", None),
    ("25:00", REFUSED),
    ("0001-01-01 00:00:00", REFUSED),
]
AMOUNTS = [
    ("8740000", "8740000.00"),
    ("8,740,000.00", "8740000.00"),
    ("874万元", "8740000.00"),
    ("８７４万", "8740000.00"),
    ("1.5亿元", "150000000.00"),
    ("¥ 1,000", "1000.00"),
    ("人民币1000元整", "1000.00"),
    ("壹仟万元整", "10000000.00"),
    ("1.005", "1.00"),
    ("1.015", "1.02"),
    (".5", REFUSED),
    ("-12.5", "-12.50"),
    ("-0.001", "0.00"),
    (1.1, "1.10"),
    (874, "874.00"),
    (Decimal("12.345"), "12.34"),
    ("0", "0.00"),
    ("无", None),
    ("—", None),
    ("12美元", REFUSED),
    ("1,23", REFUSED),
    ("1e40", REFUSED),
    ("1e999999999", REFUSED),
    (float("inf"), REFUSED),
    (float("nan"), REFUSED),
    (Decimal("NaN"), REFUSED),
    (True, REFUSED),
    ("约100", REFUSED),
]
INTEGERS = [
    ("3", 3),
    ("1,234", 1234),
    ("三", 3),
    (3, 3),
    (3.0, 3),
    (Decimal("3"), 3),
    ("3.0", 3),
    ("-3", -3),
    ("", None),
    (3.5, REFUSED),
    ("3.5", REFUSED),
    (True, REFUSED),
    ("99999999999999999", REFUSED),
    (10**400, REFUSED),
]
PHONES = [
    ("13800138000", "13800138000"),
    ("+86 138 0013 8000", "13800138000"),
    ("8613800138000", "13800138000"),
    ("１３８００１３８０００", "13800138000"),
    (13800138000, "13800138000"),
    ("0595-12345678", "0595-12345678"),
    ("(0595)82345678", "0595-82345678"),
    ("059582345678", "0595-82345678"),
    ("+86-595-8234 5678", "0595-82345678"),
    ("010—62345678", "010-62345678"),
    ("059582345678转801", "0595-82345678-801"),
    ("0595-82345678-801", "0595-82345678-801"),
    ("400-123-4567", "4001234567"),
    ("+852 2345 6789", "+85223456789"),
    ("无", None),
    ("82345678", REFUSED),
    ("13800138000/13900139000", REFUSED),
    ("1380013800", REFUSED),
    ("138****8000", REFUSED),
    ("a" * 300, REFUSED),
]
BOOLEANS = [
    *((word, True) for word in (True, 1, "是", "有", "Y", "yes", "TRUE", " 1 ")),
    *((word, False) for word in (False, 0, "否", "无", "N", "no", "False", "0")),
    *((word, None) for word in (None, "", "未知", "不详", "-")),
    *((word, REFUSED) for word in ("maybe", 2, 1.0, [1])),
]
ID_NUMBERS = [
    ("110102910101007", "110102199101010078"),
    ("44011320141005001x", "44011320141005001X"),
    ("e12345678", "E12345678"),
    ("军字第123号", "军字第123号"),
    (110102199101010078, "110102199101010078"),
    ("无", None),
    ("110102199101010079", REFUSED),
    ("1101**********0078", REFUSED),
    ("a b?c", REFUSED),
    (True, REFUSED),
]
CASES: dict[Datatype, list[tuple[object, object]]] = {
    Datatype.name: NAMES,
    Datatype.text: TEXTS,
    Datatype.address: ADDRESSES,
    Datatype.date: DATES,
    Datatype.datetime: DATETIMES,
    Datatype.amount: AMOUNTS,
    Datatype.integer: INTEGERS,
    Datatype.phone: PHONES,
    Datatype.boolean: BOOLEANS,
    Datatype.id_no: ID_NUMBERS,
    Datatype.uscc: [("12120000-401359081-6", "121200004013590816"), ("12345", REFUSED), ("无", None)],
    Datatype.plate: [("闽c·12345", "闽C12345"), ("x", REFUSED), (None, None)],
}
TABLE = [(datatype, raw, expected) for datatype, cases in CASES.items() for raw, expected in cases]


@pytest.mark.parametrize(("datatype", "raw", "expected"), TABLE)
def test_each_spelling_has_its_normal_form(
    datatype: Datatype, raw: object, expected: object, item: Callable[..., Item]
) -> None:
    """What a register wrote becomes the one form, nothing, or a refusal that does not repeat it."""
    normalise = normaliser_for(item(datatype=datatype, unit="CNY" if datatype is Datatype.amount else None))
    if expected is REFUSED:
        with pytest.raises(NotNormal) as caught:
            normalise(raw)
        assert not isinstance(raw, str) or len(raw) < 2 or raw not in str(caught.value)
        return

    value = normalise(raw)

    assert value == expected
    assert type(value) is type(expected)
    assert normalise(value) == expected, "normalising twice changes nothing"
    json.dumps(value)


@pytest.mark.parametrize(
    "raw", [None, "", "  ", "　", "\u200b", "-", "--", "—", "/", "NULL", "null", "N/A", [], {}]
)
def test_placeholders_are_blank(raw: object) -> None:
    """What registers write for nothing is nothing."""
    assert is_blank(raw)


@pytest.mark.parametrize("raw", ["无", "未知", "0", 0, False, "a", [{}], "不详", float("nan")])
def test_answers_are_not_blank(raw: object) -> None:
    """无, 未知, 0 and false are answers."""
    assert not is_blank(raw)


def test_every_datatype_has_a_normaliser_that_takes_null(item: Callable[..., Item]) -> None:
    """None is None for every datatype, and compiling raises for none of them."""
    for datatype in Datatype:
        assert normaliser_for(item(datatype=datatype))(None) is None


MONSTERS = [10**5000, -(10**5000), 1e308, Decimal("1e999999"), Decimal("-Infinity"), "9" * 5000]


@pytest.mark.parametrize("raw", MONSTERS, ids=range(len(MONSTERS)))
def test_monstrous_numbers_are_refused_and_nothing_else(raw: object, item: Callable[..., Item]) -> None:
    """A hostile register gets `NotNormal` from every datatype, or its text kept as text."""
    for datatype in Datatype:
        with contextlib.suppress(NotNormal):
            assert isinstance(normaliser_for(item(datatype=datatype))(raw), str)


def test_length_is_the_items_own_limit(item: Callable[..., Item]) -> None:
    """Characters are counted after folding; 0 is without limit."""
    assert normaliser_for(item(max_length=2))(" 张三 ") == "张三"
    assert normaliser_for(item(datatype=Datatype.text, max_length=0))("长" * 5000) == "长" * 5000
    for text in ("张三丰", "a b c"):
        with pytest.raises(NotNormal, match="2 characters"):
            normaliser_for(item(max_length=2))(text)


def test_scale_and_unit_are_the_items_own(item: Callable[..., Item]) -> None:
    """An area has its own decimals and unit words, and no currency."""
    area = normaliser_for(item(datatype=Datatype.amount, unit="m2", scale=1))

    assert area("85.25㎡") == "85.2"
    assert area("1.2万平方米") == "12000.0"
    with pytest.raises(NotNormal):
        area("85元")


def test_codes_come_from_the_items_list(item: Callable[..., Item], sexes: CodeList) -> None:
    """Codes, names, aliases and withdrawn codes mean the code in force; anything else is refused."""
    normalise = normaliser_for(item(datatype=Datatype.code, code_list="sex"), sexes)

    assert [normalise(raw) for raw in ("男", "M", "1-男", 1, "女性", "8", "", None, "-")] == [
        *("1", "1", "1", "1", "2", "2"),
        *(None, None, None),
    ]
    for raw in ("中", True, 1.0, ["1"], 3):
        with pytest.raises(NotNormal):
            normalise(raw)


def test_a_coded_item_without_list_takes_nothing(item: Callable[..., Item]) -> None:
    """Without its list no code can be trusted."""
    with pytest.raises(NotNormal, match="no code list"):
        normaliser_for(item(datatype=Datatype.code))("1")


def test_rows_are_normalised_cell_by_cell(item: Callable[..., Item]) -> None:
    """Rows hold exactly the asked columns; empty rows go; one row alone is a list of one."""
    columns = {
        "child.name": normaliser_for(item()),
        "child.birth_date": normaliser_for(item(datatype=Datatype.date)),
    }
    rows = rows_normaliser(columns)

    assert rows(
        [{"child.name": "张 三", "child.birth_date": "20200101", "other": 1}, {"child.name": "-"}]
    ) == [{"child.name": "张三", "child.birth_date": "2020-01-01"}]
    assert rows({"child.name": "张三"}) == [{"child.name": "张三", "child.birth_date": None}]
    assert rows([]) is None
    assert rows(rows([{"child.name": "张三"}])) == rows([{"child.name": "张三"}])


def test_a_bad_cell_is_named_by_row_and_column(item: Callable[..., Item]) -> None:
    """A refusal says where, never what."""
    rows = rows_normaliser({"child.birth_date": normaliser_for(item(datatype=Datatype.date))})

    with pytest.raises(NotNormal, match=r"row 2, child\.birth_date: no such day") as caught:
        rows([{"child.birth_date": "20200101"}, {"child.birth_date": "20200230"}])
    assert "0230" not in str(caught.value)


@pytest.mark.parametrize("raw", ["张三", 3, ["张三"], [[1]]])
def test_what_is_no_list_of_rows_is_refused(raw: object) -> None:
    """Text, numbers and lists of scalars are no rows."""
    with pytest.raises(NotNormal):
        rows_normaliser(None)(raw)


def test_rows_without_columns_keep_their_cells(item: Callable[..., Item]) -> None:
    """A repeating item compiled alone checks the shape only."""
    assert normaliser_for(item(datatype=Datatype.rows))([{"a": 1, "b": "-"}]) == [{"a": 1, "b": None}]


@pytest.mark.parametrize(
    ("raw", "transform", "expected"),
    [
        ("x", None, "x"),
        ("M", Transform(codes={"M": "1"}), "1"),
        (1.0, Transform(codes={"1": "2"}), "2"),
        (" m ", Transform(codes={"M": "1"}), "1"),
        (1, Transform(codes={"1": "2"}), "2"),
        (True, Transform(codes={"true": "1"}), "1"),
        ("-", Transform(codes={"M": "1"}), "-"),
        (None, Transform(multiply="10000"), None),
        ("874", Transform(multiply="10000"), "8740000"),
        (87.4, Transform(multiply="10000"), "874000.0"),
        ("874万元", Transform(multiply="10000"), "874万元"),
        ("21/01/73", Transform(date_format="%d/%m/%y"), "1973-01-21"),
        ("21/01/1973 08:30", Transform(date_format="%d/%m/%Y %H:%M"), "1973-01-21T08:30:00"),
        ("福建省,泉州市", Transform(separator=",", part=1), "泉州市"),
        ("福建省,泉州市", Transform(separator=",", part=-1), "泉州市"),
        ("福建省", Transform(separator=",", part=1), None),
        ("a|M", Transform(separator="|", part=1, codes={"M": "1"}), "1"),
    ],
)
def test_transforms(raw: object, transform: Transform | None, expected: object) -> None:
    """One source's spelling becomes the item's own, in the order part, codes, factor, date."""
    assert apply_transform(raw, transform) == expected


@pytest.mark.parametrize(
    ("raw", "transform"),
    [
        ("X", Transform(codes={"M": "1"})),
        ("viele", Transform(multiply="10000")),
        (float("nan"), Transform(multiply="10000")),
        (Decimal("9e999999"), Transform(multiply="10000")),
        ([["M"]], Transform(codes={"M": "1"})),
        pytest.param(10**5000, Transform(codes={"1": "1"}), id="5001 digits"),
        ("1973-01-21", Transform(date_format="%d/%m/%y")),
    ],
)
def test_what_a_transform_cannot_read_is_refused(raw: object, transform: Transform) -> None:
    """An unlisted code is not passed on: it could mean something else in the item's list."""
    with pytest.raises(NotNormal) as caught:
        apply_transform(raw, transform)

    assert "M" not in str(caught.value)
    assert "viele" not in str(caught.value)
