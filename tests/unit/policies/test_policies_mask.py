"""Masking rules by example: what each shows, and that short texts never show all."""

import pytest

from policies.errors import UnknownMask
from policies.mask import MASKS, mask

EXAMPLES = [
    ("name", "张三", "张*"),
    ("name", "张三丰", "张**"),
    ("name", "欧阳修", "欧阳*"),
    ("name", "欧阳修文", "欧阳**"),
    ("name", "欧阳", "欧*"),
    ("name", "张", "*"),
    ("name", "𠮷田三", "𠮷**"),
    ("name", "阿依古丽·买买提", "阿*******"),
    ("name", "John Smith", "J*** S****"),
    ("name", "Li X", "L* *"),
    ("name", "😀", "*"),
    ("id_no", "35058219910603996X", "3505**********996X"),
    ("id_no", "350582910603996", "350*********996"),
    ("id_no", "E12345678", "E1*****78"),
    ("id_no", "1234", "****"),
    ("id_no", "1", "*"),
    ("phone", "13800138000", "138****8000"),
    ("phone", "0595-85612345", "059******2345"[:3] + "******2345"),
    ("phone", "110", "**0"),
    ("bank", "6222020200112233445", "6222***********3445"),
    ("bank", "123", "***"),
    ("plate", "闽C12345", "闽C1**45"),
    ("plate", "闽CD12345", "闽CD***45"),
    ("plate", "闽", "*"),
    ("date", "1973-01-21", "1973-**-**"),
    ("date", "19730121", "1973****"),
    ("date", "1973年1月21日", "1973年*月**日"),
    ("date", "21/01/73", "**/**/**"),
    ("date", "1973", "****"),
    ("address", "福建省晋江市梅岭街道世纪大道388号", "福建省晋江市梅岭街道****"),
    ("address", "福建省泉州市德化县浔中镇二村3栋502室", "福建省泉州市德化县浔中镇****"),
    ("address", "晋江市幸福小区3栋", "晋江市****"),
    ("address", "鼓楼区五四路十二号", "鼓楼区****"),
    ("address", "新华都超市2楼", "****"),
    ("address", "世纪大道388号", "****"),
    ("address", "102乡3组", "****"),
    ("address", "福建省晋江市", "福建省晋江市"),
    ("full", "秘密", "***"),
    ("full", "长得多的秘密内容", "***"),
    ("", "公开", "公开"),
]


@pytest.mark.parametrize(("rule", "text", "shown"), EXAMPLES)
def test_what_is_shown(rule, text, shown):
    """Each rule shows this much and no more."""
    assert mask(rule, text) == shown


@pytest.mark.parametrize("rule", MASKS)
def test_nothing_stays_nothing(rule):
    """An empty value is not made to look like a hidden one."""
    assert mask(rule, "") == ""


def test_an_unknown_rule_is_refused_without_the_text():
    """A misspelt rule shows nothing; the message lists the rules and never the value."""
    with pytest.raises(UnknownMask, match="no masking rule 'nmae'") as caught:
        mask("nmae", "张三")

    assert "张" not in str(caught.value)
    assert "id_no" in str(caught.value)


def test_every_rule_has_an_example():
    """No masking rule goes without one."""
    assert {rule for rule, _, _ in EXAMPLES} == set(MASKS)
