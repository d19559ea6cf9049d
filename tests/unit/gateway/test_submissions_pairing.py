"""Which row that came back is which row that was offered."""

from datetime import date

import pytest

from field_registry import Item, OutcomeCode, Registry, SubjectKind, Tier
from field_registry.items import Datatype
from forms.definition import Field, Form, Group, Role
from forms.rows import identity_key
from gateway.resolution.compiled import compile_form
from gateway.submissions.compare import sheets_of
from gateway.submissions.offered import Offer
from gateway.submissions.pairing import Pair, pair_rows
from policies import Policy

ITEMS = [
    Item("p.rows", "rows", SubjectKind.person, Datatype.rows, "d"),
    Item("r.id", "id", SubjectKind.person, Datatype.id_no, "d", within="p.rows"),
    Item("r.name", "name", SubjectKind.person, Datatype.name, "d", within="p.rows"),
    Item("r.born", "born", SubjectKind.person, Datatype.date, "d", within="p.rows"),
]
FORM = Form(
    "f", 1, "表", "M-1", "p", "民政",
    tuple(Field(f"rows.{leaf}", leaf, item=f"r.{leaf}", group="rows") for leaf in ("id", "name", "born")),
    (Role("applicant", "人", frozenset({SubjectKind.person})),),
    (Group("rows", "行", "applicant", "id", item="p.rows"),),
)  # fmt: skip
REGISTRY = Registry.of(1, items=ITEMS, sources=(), bindings=())
SHEETS = {
    sheet.field.leaf: sheet
    for sheet in sheets_of(compile_form(FORM, REGISTRY, Policy.of(1, (), ()), date(2026, 11, 21))).values()
}
ONE = {"id": "35058220150301001X", "name": "小明", "born": "2015-03-01"}
TWO = {"id": "350582201807060024", "name": "小红", "born": "2018-07-06"}
THREE = {"id": "110102199101010078", "name": "小刚", "born": "1991-01-01"}


def pair(sent, offered, typed_keys=None):
    """The pairs of these rows; in `offered` a cell that is None was not given."""

    def offer(value):
        return (
            Offer("", OutcomeCode.timeout)
            if value is None
            else Offer("", OutcomeCode.filled, None, value, Tier.A)
        )

    return pair_rows(
        {number: {leaf: SHEETS[leaf].normal(cell) for leaf, cell in row.items() if cell} for number, row in sent.items()},
        {number: {leaf: offer(cell) for leaf, cell in row.items()} for number, row in enumerate(offered)},
        identity="id",
        key_of=identity_key(REGISTRY.items["r.id"]),
        typed_keys=typed_keys or {},
        sheets=SHEETS,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "offered", "expected"),
    [
        ({0: ONE, 1: TWO}, [ONE, TWO], [Pair(0, 0), Pair(1, 1)]),
        ({0: TWO, 1: ONE}, [ONE, TWO], [Pair(0, 1), Pair(1, 0)]),
        ({4: TWO, 9: ONE}, [ONE, TWO], [Pair(4, 1), Pair(9, 0)]),
        ({0: TWO}, [ONE, TWO], [Pair(0, 1), Pair(None, 0)]),
        ({}, [ONE], [Pair(None, 0)]),
        ({0: ONE, 1: THREE}, [ONE], [Pair(0, 0), Pair(1, None)]),
        ({0: THREE}, [ONE], [Pair(0, None), Pair(None, 0)]),
        ({0: {**ONE, "id": THREE["id"]}}, [ONE], [Pair(0, 0)]),
        ({0: {**ONE, "id": ""}}, [ONE, TWO], [Pair(0, 0), Pair(None, 1)]),
        ({0: {**TWO, "id": "", "name": "小绿"}}, [ONE, TWO], [Pair(0, 1), Pair(None, 0)]),
        ({0: ONE, 1: ONE}, [ONE], [Pair(0, 0), Pair(1, None)]),
        ({0: {"id": "３５０５８２２０１５０３０１００１ｘ"}}, [ONE], [Pair(0, 0)]),
        ({0: ONE}, [{"id": None, "name": None, "born": None}], [Pair(0, 0)]),
        ({1: ONE, 0: TWO}, [{**ONE, "id": None}, {**TWO, "id": None}], [Pair(1, 0), Pair(0, 1)]),
    ],
)
def test_rows_are_paired_by_identity_and_then_by_likeness(sent, offered, expected):
    """By the identity column in any spelling; without it by what else came back; else a row is new, or was taken out."""
    assert list(pair(sent, offered)) == expected


def test_an_identity_typed_before_tells_the_row():
    """Where the person had typed the number at resolve, the answer does not hold it, and the draft's header does."""
    offered = [{"id": None, "name": "小明", "born": None}, {"id": None, "name": "小明", "born": None}]

    pairs = pair({0: TWO, 1: ONE}, offered, {"0": ONE["id"], "1": TWO["id"]})

    assert list(pairs) == [Pair(0, 1), Pair(1, 0)]
