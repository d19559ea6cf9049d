"""Display: a normal value as a person reads it."""

from collections.abc import Callable

import pytest

from field_registry import CodeList, Item
from field_registry.display import display_of
from field_registry.items import Datatype


@pytest.mark.parametrize(
    ("datatype", "unit", "value", "expected"),
    [
        (Datatype.name, None, "张三", "张三"),
        (Datatype.name, None, None, ""),
        (Datatype.boolean, None, True, "是"),
        (Datatype.boolean, None, False, "否"),
        (Datatype.boolean, None, None, ""),
        (Datatype.date, None, "1973-01-21", "1973-01-21"),
        (Datatype.date, None, "9999-12-31", "长期"),
        (Datatype.datetime, None, "2026-03-01T15:30:00Z", "2026-03-01 23:30:00"),
        (Datatype.datetime, None, "later", "later"),
        (Datatype.amount, "CNY", "8740000.00", "8,740,000.00元"),
        (Datatype.amount, "m2", "85.2", "85.2平方米"),
        (Datatype.amount, "pcs", "3", "3 pcs"),
        (Datatype.amount, None, "3.50", "3.50"),
        (Datatype.amount, "CNY", "much", "much"),
        (Datatype.integer, None, 3, "3"),
        (Datatype.rows, None, [{}, {}], "共 2 项"),
        (Datatype.code, None, "1", "男性"),
        (Datatype.code, None, "7", "7"),
    ],
)
def test_values_are_shown_in_words(
    datatype: Datatype,
    unit: str | None,
    value: object,
    expected: str,
    item: Callable[..., Item],
    sexes: CodeList,
) -> None:
    """Codes have names, amounts units, booleans words; what is not normal is shown as it is."""
    assert display_of(item(datatype=datatype, unit=unit), value, sexes) == expected


def test_a_code_without_its_list_is_shown_as_code(item: Callable[..., Item]) -> None:
    """Nothing is invented for a missing list."""
    assert display_of(item(datatype=Datatype.code), "1") == "1"
