"""Code lists: every real spelling finds its code, and none that could mean two."""

import pytest

from field_registry import CodeList, Registry


def test_every_dirty_value_means_its_code(shipped: Registry, pairs: list[dict[str, str]]) -> None:
    """All known spellings of registers give the expected code; ambiguous and unknown ones give none."""
    wrong = [
        (pair["list"], pair["raw"], found)
        for pair in pairs
        if (found := shipped.code_list(pair["list"]).code_of(pair["raw"]) or "") != pair["expected_code"]
    ]

    assert len(pairs) == 56
    assert wrong == []


def test_every_name_and_code_of_the_shipped_lists_means_itself(shipped: Registry) -> None:
    """A code, its name, and both together mean the code in force, unless places share the name."""
    for codes in shipped.code_lists.values():
        for code, name in codes.names.items():
            current = codes.current(code)
            assert codes.code_of(code) == current
            if codes.divisions:
                assert codes.code_of(name) in {current, None}
            else:
                assert codes.code_of(name) == codes.code_of(f"{code}-{name}") == current


@pytest.mark.parametrize(
    ("spelling", "code"),
    [
        ("福建省泉州市晋江市", "350582"),
        ("福建晋江", "350582"),
        (" 福建省 泉州市 ", "350500"),
        ("北京市朝阳区", "110105"),
        ("广西壮族自治区南宁市青秀区", "450103"),
        ("江苏南京鼓楼区", "320106"),
        ("内蒙古呼和浩特", "150100"),
        ("350402", "350404"),
        ("福建省三明市沙县", "350405"),
        ("福州长乐", "350112"),
        ("350582-晋江市", "350582"),
        ("350582-石狮市", None),
        ("鼓楼区", None),
        ("鼓楼", None),
        ("朝阳区", None),
        ("吉林", None),
        ("福建省市辖区", None),
        ("泉州市福建省", None),
        ("晋江市晋江市", None),
        ("火星", None),
        ("", None),
    ],
)
def test_divisions_are_found_by_path_and_short_name(
    shipped: Registry, spelling: str, code: str | None
) -> None:
    """A path from the outside in means its last part; a bare name that places share means none."""
    assert shipped.code_list("admin_division").code_of(spelling) == code


def test_one_spelling_of_two_codes_means_none_until_an_alias_settles_it() -> None:
    """Ambiguity is refused; an alias is a deliberate choice."""
    names = {"1": "其他", "2": "其他", "3": "本人"}

    assert CodeList("x", "x", names).code_of("其他") is None
    assert CodeList("x", "x", names, {"其他": "2"}).code_of("其他") == "2"


def test_a_withdrawn_code_leads_to_its_last_successor() -> None:
    """Chains are followed to their end, and a circle ends too."""
    codes = CodeList("x", "x", {"1": "甲", "2": "乙", "3": "丙"}, {}, {"1": "2", "2": "3"})

    assert [codes.code_of(text) for text in ("1", "甲", "乙", "1-甲")] == ["3", "3", "3", "3"]
    assert codes.name_of("1") == "甲"
    assert CodeList("y", "y", {}, {}, {"1": "2", "2": "1"}).current("1") in {"1", "2"}


def test_a_code_without_name_is_shown_as_it_is(sexes: CodeList) -> None:
    """A list that does not know a code shows the code."""
    assert sexes.name_of("1") == "男性"
    assert sexes.name_of("7") == "7"


def test_width_case_and_spaces_do_not_matter(sexes: CodeList) -> None:
    """Spellings are folded before they are looked up."""
    assert [sexes.code_of(text) for text in ("ｍ", " M ", "１", "男 性", "１－男")] == ["1"] * 5


def test_a_code_and_a_name_that_disagree_mean_nothing(sexes: CodeList) -> None:
    """`1-女` is a defect of the source, not a guess of ours."""
    assert sexes.code_of("1-女") is None
    assert sexes.code_of("7-男") is None
