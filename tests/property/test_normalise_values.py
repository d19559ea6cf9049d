"""Normalising twice changes nothing, whatever the datatype and however hostile the value; refusals tell nothing."""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import field_registry
from field_registry import Item, Registry, SubjectKind
from field_registry.bindings import Transform
from field_registry.dates import normal_date
from field_registry.errors import NotNormal
from field_registry.identifiers import resident_id, same_identifier, subject_from
from field_registry.items import Datatype
from field_registry.load import load_registry
from field_registry.normalise import apply_transform, is_blank, normaliser_for, rows_normaliser
from field_registry.numerals import chinese_number
from field_registry.phones import normal_phone

REGISTRY: Registry = load_registry(Path(field_registry.__file__).parent / "data").registry
WORDS = st.sampled_from(
    [
        *(
            "无",
            "是",
            "否",
            "-",
            "NULL",
            "长期",
            "1973年1月21日",
            "19730121",
            "2026-03-01T23:30:00Z",
            "８７４万元",
        ),
        *(
            "¥1,000.5",
            "+86 13800138000",
            "0595-82345678转801",
            "闽C·12345",
            "１１０１０２１９９１０１０１００７８",
        ),
        *("110102910101007", "男", "1-男", "阿依古丽•买买提", "(厦门)", "１２号", "捌佰万"),
    ]
)
PIECES = st.lists(
    st.one_of(
        WORDS,
        st.sampled_from([" ", "　", ".", "·", "•", "(", ")", "-", "\u200b", "\n", "e\u0301", "\uf900"]),
        st.text(max_size=3),
    ),
    max_size=4,
).map("".join)
RAW = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-4 * 10**12, 4 * 10**12),
    st.floats(),
    st.decimals(allow_nan=True, places=None),
    st.dates(),
    st.datetimes(),
    WORDS,
    PIECES,
    st.text(),
    st.lists(st.text(max_size=3), max_size=2),
)


def make(datatype: Datatype) -> Callable[[object], object]:
    """The normaliser of an item of that datatype."""
    coded = datatype is Datatype.code
    item = Item("p.x", "x", SubjectKind.person, datatype, "d", code_list="sex" if coded else None, unit="CNY")
    return normaliser_for(item, REGISTRY.code_list("sex") if coded else None)


@pytest.mark.parametrize("datatype", [datatype for datatype in Datatype if datatype is not Datatype.rows])
@given(raw=RAW)
@settings(max_examples=150)
def test_normalising_twice_changes_nothing(datatype: Datatype, raw: object) -> None:
    """Every value is refused with `NotNormal` or becomes JSON-ready and stays as it is."""
    normalise = make(datatype)
    try:
        value = normalise(raw)
    except NotNormal:
        return

    assert normalise(value) == value
    assert type(normalise(value)) is type(value)
    json.dumps(value, allow_nan=False).encode()


NUMERALS = st.text(
    "零〇一二三四五六七八九十廿卅百千万亿壹贰叁肆伍陆柒捌玖拾佰仟两点元圆整初正角分负年月日号", max_size=12
)
DAYS = st.builds("{}年{}月{}日".format, st.text("〇零一二九", min_size=4, max_size=4), NUMERALS, NUMERALS)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), NUMERALS, DAYS, PIECES, st.text()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
TRANSFORMS = [
    None,
    Transform(multiply="10000"),
    Transform(multiply="1e-9"),
    Transform(codes={"M": "1", "true": "1"}),
    Transform(separator="点", part=-2, multiply="3"),
    *(
        Transform(date_format=pattern)
        for pattern in ("%d/%m/%y", "%Y%m%d%H", "%Y %j", "%G %V %u %z", "%Y年%m月%d日")
    ),
]


@pytest.mark.parametrize("datatype", list(Datatype))
@given(raw=NUMERALS | DAYS | JSON, transform=st.sampled_from(TRANSFORMS))
@example(raw="佰十四", transform=None)
@example(raw="二〇二〇年三月百日", transform=None)
@example(raw="二〇二〇年廿廿廿月元元日", transform=None)
@settings(max_examples=200)
def test_nothing_but_not_normal_ever_comes_out(
    datatype: Datatype, raw: object, transform: Transform | None
) -> None:
    """One field of one odd answer costs that field: no value of a source brings anything else to the surface."""
    normalise = make(datatype)
    try:
        value = normalise(apply_transform(raw, transform))
    except NotNormal:
        return

    assert normalise(value) == value


@given(text=NUMERALS)
@example(text="佰十四")
@example(text="十" * 41)
@settings(max_examples=400)
def test_numerals_are_a_number_or_not_normal(text: str) -> None:
    """Whatever the reader of numerals raises stays behind its wall, and nothing of the text is carried along."""
    try:
        assert chinese_number(text).is_finite()
    except NotNormal as error:
        assert error.__context__ is None  # noqa: PT017


@given(rows=st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), PIECES, max_size=3), max_size=4))
@settings(max_examples=60)
def test_normalising_rows_twice_changes_nothing(rows: list[dict[str, str]]) -> None:
    """Rows keep exactly the asked columns."""
    normalise = rows_normaliser({"a": make(Datatype.name), "b": make(Datatype.text)})
    try:
        value = normalise(rows)
    except NotNormal:
        return

    assert normalise(value) == value
    for row in value if isinstance(value, list) else []:
        assert list(row) == ["a", "b"]


@given(
    day=st.dates(date(1000, 1, 1)),
    spelling=st.sampled_from(["%Y%m%d", "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日"]),
)
def test_every_spelling_of_a_day_is_that_day(day: date, spelling: str) -> None:
    """Registers' forms of one date agree."""
    assert normal_date(day.strftime(spelling)) == day.isoformat()


@given(day=st.dates(date(1000, 1, 1), date(9999, 12, 31)))
def test_short_and_chinese_spellings_agree(day: date) -> None:
    """Without leading zeros and in Chinese numerals a day is the same day."""
    digits = "〇一二三四五六七八九"
    year = "".join(digits[int(digit)] for digit in str(day.year))

    def numeral(number: int) -> str:
        tens, ones = divmod(number, 10)
        return ("" if not tens else "十" if tens == 1 else f"{digits[tens]}十") + (
            digits[ones] if ones else ""
        )

    assert normal_date(f"{day.year}年{day.month}月{day.day}日") == day.isoformat()
    assert normal_date(f"{year}年{numeral(day.month)}月{numeral(day.day)}日") == day.isoformat()


@given(moment=st.datetimes(datetime(1992, 1, 1), datetime(2286, 1, 1)))  # noqa: DTZ001 - a wall clock
def test_a_timestamp_is_read_in_shanghai(moment: datetime) -> None:
    """The day of an instant is the day in Asia/Shanghai (eight hours ahead since 1992)."""
    seconds = int((moment - datetime(1970, 1, 1)).total_seconds())  # noqa: DTZ001
    day = (moment.replace(microsecond=0) + timedelta(hours=8)).date().isoformat()

    assert normal_date(seconds * 1000) == day
    assert normal_date(f"{moment.isoformat()}Z") == (moment + timedelta(hours=8)).date().isoformat()


@given(cents=st.integers(-(10**15), 10**15))
def test_spellings_of_an_amount_agree(cents: int) -> None:
    """Separators, units and currency signs do not change an amount, and no float ever touches it."""
    normalise = make(Datatype.amount)
    exact = Decimal(cents) / 100
    plain = f"{exact:.2f}"

    assert normalise(plain) == normalise(f"{exact:,.2f}元") == plain
    assert normalise(f"{exact / 10000:f}万元") == plain


@given(born=st.dates(date(1900, 1, 1), date(1999, 12, 31)), sequence=st.integers(1, 999))
def test_both_forms_of_a_resident_id_are_one_subject(born: date, sequence: int) -> None:
    """15 and 18 digits, full width and spaces name one person, and an echo in any of them is recognised."""
    short = f"350502{born:%y%m%d}{sequence:03d}"
    full = resident_id(short)
    wide = full.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})

    subjects = {
        subject_from({"kind": "person", "id_no": text})
        for text in (short, full, wide, full.lower(), f" {full} ")
    }

    assert len(subjects) == 1
    assert all(same_identifier("111", full, text) for text in (short, full, wide, full.lower()))
    assert resident_id(full) == full


@given(
    born=st.dates(date(1900, 1, 1), date(1999, 12, 31)),
    sequence=st.integers(1, 999),
    where=st.integers(0, 17),
    by=st.integers(1, 9),
)
def test_one_mistyped_digit_is_found(born: date, sequence: int, where: int, by: int) -> None:
    """No single wrong digit makes another valid number of the same person or of anybody."""
    full = resident_id(f"350502{born:%y%m%d}{sequence:03d}")
    if full[where] == "X":
        return
    wrong = full[:where] + str((int(full[where]) + by) % 10) + full[where + 1 :]

    assert not same_identifier("111", full, wrong)
    with pytest.raises(field_registry.errors.BadIdentifier):
        resident_id(wrong)


@given(
    number=st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    prefix=st.sampled_from(["", "+86", "86", "+86 ", "0086"]),
)
def test_a_mobile_is_eleven_digits_however_it_is_dialled(number: str, prefix: str) -> None:
    """The country code goes."""
    assert normal_phone(prefix + number) == number


@pytest.mark.parametrize("list_id", sorted(REGISTRY.code_lists))
def test_names_lead_to_codes_and_back(list_id: str) -> None:
    """A code's name means that code or its successor, or is shared; normalising a code changes nothing."""
    codes = REGISTRY.code_list(list_id)
    for code, name in codes.names.items():
        found = codes.code_of(name)
        assert found is None or codes.names[found] == name or found == codes.current(code)
        assert codes.code_of(codes.current(code)) == codes.current(code)


@given(text=st.text(max_size=30))
def test_a_code_is_found_or_not_but_never_fails(text: str) -> None:
    """Any text has one code or none in every list."""
    for codes in REGISTRY.code_lists.values():
        found = codes.code_of(text)
        assert found is None or codes.code_of(found) == found


@given(
    text=st.text(alphabet=st.characters(min_codepoint=0x20000, max_codepoint=0x3134F), min_size=1, max_size=4)
)
def test_rare_characters_of_a_name_are_kept(text: str) -> None:
    """No character of the extensions is changed or lost, compatibility ideographs included."""
    assert make(Datatype.name)(text) == text


@given(raw=RAW)
def test_blankness_is_never_in_doubt(raw: object) -> None:
    """Every value is blank or not, and a blank one is None to every normaliser."""
    if is_blank(raw):
        assert make(Datatype.text)(raw) is None
        assert make(Datatype.boolean)(raw) is None
