"""Lints: what is well written but cannot be right is named with file, line and remedy, and nothing else is."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from field_registry import Binding, CodeList, Item, Registry, Source, SubjectKind, Tier
from field_registry.bindings import Transform
from field_registry.check import check_directory, check_registry
from field_registry.items import Datatype, ShareAttribute

Make = Callable[..., Any]
SCHEMAS = {
    "http_json": {
        "type": "object",
        "required": ["base_url"],
        "additionalProperties": False,
        "properties": {"base_url": {"type": "string"}, "answer": {"type": "object"}},
    },
    "sandbox": {"type": "object"},
}


def codes_of(registry: Registry, **options: Any) -> list[str]:
    """The codes of all faults found, in order."""
    return [fault.code for fault in check_registry(registry, **options)]


def test_a_sound_registry_has_no_faults(registry: Make) -> None:
    """Nothing is found where nothing is wrong."""
    assert check_registry(registry()) == ()


def test_the_shipped_registry_has_no_errors(shipped: Registry) -> None:
    """What ships as an example is an example."""
    assert [fault for fault in check_registry(shipped) if fault.severity == "error"] == []


def test_an_unbound_item_is_a_warning(registry: Make, source: Make) -> None:
    """A catalogue may be ahead of its sources; an idle source is told as well."""
    faults = check_registry(registry(bindings=[]))

    assert {(fault.code, fault.severity) for fault in faults} == {
        ("unbound", "warning"),
        ("unused_source", "warning"),
    }


def test_exactly_one_binding_is_authoritative(registry: Make, binding: Make, source: Make) -> None:
    """No rank 1, two rank 1 and two of any rank are errors."""
    sources = [source(), source("tax")]

    none = registry(sources=sources, bindings=[binding(rank=2), binding(source="tax", rank=3)])
    two = registry(sources=sources, bindings=[binding(), binding(source="tax")])
    twice = registry(
        sources=sources, bindings=[binding(), binding(attribute="/b", rank=2), binding(source="tax", rank=2)]
    )

    assert codes_of(none) == ["no_authority"]
    assert codes_of(two) == ["two_authorities"]
    assert codes_of(twice) == ["duplicate_rank"]


def test_authority_may_pass_from_one_register_to_another(registry: Make, binding: Make, source: Make) -> None:
    """Two authorities one after the other are one at any time; a shared day is one too many."""
    ends, begins = date(2026, 1, 1), date(2026, 1, 1)
    sources = [source(), source("tax")]

    passing = registry(
        sources=sources, bindings=[binding(effective_to=ends), binding(source="tax", effective_from=begins)]
    )
    sharing = registry(
        sources=sources,
        bindings=[binding(effective_to=date(2026, 1, 2)), binding(source="tax", effective_from=begins)],
    )

    assert codes_of(passing) == []
    assert codes_of(sharing) == ["two_authorities"]


def test_a_period_that_never_begins_is_an_error(registry: Make, binding: Make) -> None:
    """effective_to is exclusive, so an equal day is no day."""
    day = date(2026, 1, 1)

    assert codes_of(registry(bindings=[binding(effective_from=day, effective_to=day)])) == ["empty_period"]


def test_a_binding_to_nowhere_teaches(registry: Make, binding: Make, source: Make) -> None:
    """The message says what is bound, what is defined, and what was probably meant."""
    faults = check_registry(
        registry(
            sources=[source("civil-registry"), source("tax")], bindings=[binding(source="civil-registr")]
        )
    )

    message = next(fault.message for fault in faults if fault.code == "unknown_source")
    assert "person.name is bound to source 'civil-registr', which is not defined." in message
    assert "Defined: civil-registry, tax. Did you mean 'civil-registry'?" in message


def test_a_binding_for_an_unknown_item_is_an_error(registry: Make, binding: Make) -> None:
    """The nearest item is offered."""
    faults = check_registry(registry(bindings=[binding(), binding("person.nmae")]))

    assert [fault.code for fault in faults] == ["unknown_item"]
    assert "'person.name'" in faults[0].message


@pytest.mark.parametrize("citation", [None, "", "  "])
def test_an_item_not_to_be_shared_cites_its_law(citation: str | None, registry: Make, item: Make) -> None:
    """share: none without citation is an error, with it is sound."""
    refused = item(share=ShareAttribute.none, share_citation=citation)

    assert codes_of(registry(items=[refused])) == ["no_citation"]
    assert codes_of(registry(items=[item(share=ShareAttribute.none, share_citation="某法第一条")])) == []


def test_a_coded_item_names_a_known_list(registry: Make, item: Make, sexes: CodeList) -> None:
    """No list, an unknown list, and a list on what is not coded are errors."""

    def check(**parts: Any) -> list[str]:
        return codes_of(registry(items=[item(**parts)], code_lists=[sexes]))

    assert check(datatype=Datatype.code, code_list="sex") == []
    assert check(datatype=Datatype.code) == ["no_code_list"]
    assert check(datatype=Datatype.code, code_list="sexx") == ["unknown_code_list"]
    assert check(datatype=Datatype.text, code_list="sex") == ["type_clash"]


def test_a_transform_leads_to_codes_of_the_list(
    registry: Make, item: Make, binding: Make, sexes: CodeList
) -> None:
    """A target the list lacks is an error; a withdrawn one is not."""
    coded = item(datatype=Datatype.code, code_list="sex")

    def check(codes: dict[str, str]) -> list[str]:
        bound = binding(transform=Transform(codes=codes))
        return codes_of(registry(items=[coded], bindings=[bound], code_lists=[sexes]))

    assert check({"M": "1", "X": "8"}) == []
    assert check({"M": "1", "F": "3"}) == ["unknown_code"]


def test_a_list_leads_to_its_own_codes(registry: Make) -> None:
    """Aliases and successors are codes of the list, and no code retires in a circle."""
    lost = CodeList("a", "a", {"1": "甲"}, {"乙": "2"}, {"3": "4"})
    round_and_round = CodeList("b", "b", {}, {}, {"1": "2", "2": "1"})

    assert codes_of(registry(code_lists=[lost])) == ["unknown_code", "unknown_code"]
    assert codes_of(registry(code_lists=[round_and_round])) == ["retired_circle", "retired_circle"]


@pytest.mark.parametrize(
    ("datatype", "transform", "clashes"),
    [
        (Datatype.amount, Transform(multiply="10000"), False),
        (Datatype.integer, Transform(multiply="10"), False),
        (Datatype.text, Transform(multiply="10"), True),
        (Datatype.date, Transform(date_format="%d"), False),
        (Datatype.name, Transform(date_format="%d"), True),
        (Datatype.boolean, Transform(codes={"J": "1"}), False),
        (Datatype.text, Transform(codes={"J": "是"}), False),
        (Datatype.date, Transform(codes={"J": "1"}), True),
    ],
)
def test_a_transform_fits_its_datatype(
    datatype: Datatype, transform: Transform, clashes: bool, registry: Make, item: Make, binding: Make
) -> None:
    """Factors are for numbers, patterns for dates, codes for what has words."""
    found = codes_of(registry(items=[item(datatype=datatype)], bindings=[binding(transform=transform)]))

    assert found == (["type_clash"] if clashes else [])


def test_a_part_of_nothing_is_a_warning(registry: Make, binding: Make) -> None:
    """`part` needs a `separator`."""
    (fault,) = check_registry(registry(bindings=[binding(transform=Transform(part=1))]))

    assert (fault.code, fault.severity) == ("part_unused", "warning")


def test_a_source_holds_the_kind_of_its_items(registry: Make, source: Make) -> None:
    """A vehicle register cannot answer for a person."""
    assert codes_of(registry(sources=[source(kinds=frozenset({SubjectKind.vehicle}))])) == ["kind_clash"]


def rows_registry(registry: Make, item: Make, binding: Make, **column: Any) -> Registry:
    """A registry with one list of rows and one column, the column as told."""
    children = item("person.children", datatype=Datatype.rows)
    name = item("child.name", **{"within": "person.children"} | column)
    return registry(  # type: ignore[no-any-return]
        items=[item(), children, name],
        bindings=[binding(), binding("person.children"), binding("child.name")],
    )


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ({}, []),
        ({"within": "person.childs"}, ["no_columns", "unknown_item"]),
        (
            {"within": "person.name"},
            [
                "no_columns",
                "not_rows",
            ],
        ),
        ({"datatype": Datatype.rows}, ["nested_rows", "no_columns"]),
        ({"kind": SubjectKind.vehicle}, ["kind_clash", "kind_clash"]),
    ],
)
def test_columns_stand_within_rows(
    column: dict[str, Any], expected: list[str], registry: Make, item: Make, binding: Make
) -> None:
    """A column is of known rows, is no rows itself and has their kind."""
    assert sorted(codes_of(rows_registry(registry, item, binding, **column))) == sorted(expected)


def test_a_column_is_bound_where_its_rows_are(
    registry: Make, item: Make, binding: Make, source: Make
) -> None:
    """A cell without its row cannot be read."""
    items = [item("person.children", datatype=Datatype.rows), item("child.name", within="person.children")]
    bindings = [binding("person.children"), binding("child.name", "birth")]

    assert codes_of(registry(items=items, sources=[source(), source("birth")], bindings=bindings)) == [
        "column_without_rows"
    ]


@pytest.mark.parametrize("tier", [Tier.C, Tier.D, Tier.E])
def test_a_lower_tier_never_outranks_a_register(
    tier: Tier, registry: Make, source: Make, binding: Make
) -> None:
    """C, D and E before A or B is an error; alone or behind it is sound."""
    sources = [source(), source("profile", tier=tier)]
    first, second = binding(source="profile"), binding(rank=2)

    assert codes_of(registry(sources=sources, bindings=[first, second])) == ["tier_outranks"]
    assert codes_of(registry(sources=sources, bindings=[binding(), binding(source="profile", rank=2)])) == []
    assert codes_of(registry(sources=sources[1:], bindings=[first])) == []


@pytest.mark.parametrize("tier", [Tier.A, Tier.B, Tier.D])
def test_a_record_of_what_people_typed_is_of_tier_c(
    tier: Tier, registry: Make, source: Make, binding: Make
) -> None:
    """A profile source that calls itself a register is an error; as what it is, it needs no echo."""
    record = source(connector="profile", config={}, tier=tier)

    bound = [binding(attribute="person.name")]

    assert codes_of(registry(sources=[record], bindings=bound)) == ["profile_tier"]
    assert codes_of(registry(sources=[replace(record, tier=Tier.C)], bindings=bound)) == []


def test_a_record_keeps_items_by_their_id(registry: Make, source: Make, binding: Make) -> None:
    """A binding to a record under another name would never find anything, so it is an error."""
    record = source(connector="profile", config={}, tier=Tier.C)

    assert codes_of(registry(sources=[record], bindings=[binding(attribute="xm")])) == ["profile_attribute"]
    assert codes_of(registry(sources=[record], bindings=[binding(attribute="person.name")])) == []


def test_a_source_without_echo_is_an_error(registry: Make, source: Make) -> None:
    """Without an echo nobody notices an answer about somebody else; a sandbox needs none."""
    (fault,) = check_registry(registry(sources=[source(config={"answer": {"record": "/data"}})]))

    assert (fault.code, fault.severity) == ("no_echo", "error")
    assert codes_of(registry(sources=[source(connector="sandbox", config={})])) == []


@pytest.mark.parametrize(
    ("reason", "faults"), [("its answers are lists of codes", []), (" ", ["no_echo"]), (True, ["no_echo"])]
)
def test_a_source_may_say_why_it_has_no_echo(
    registry: Make, source: Make, reason: object, faults: list[str]
) -> None:
    """A reason in words, which whoever reviews the registry reads, takes the place of the echo."""
    assert codes_of(registry(sources=[source(config={"no_echo": reason})])) == faults


@pytest.mark.parametrize(
    ("connector", "config", "by_issuer", "code"),
    [
        ("http_json", {"request": {"query": {"c": "{issuer}"}}}, True, None),
        ("http_json", {"request": {"body": {"doc": ["{issuer}"]}}}, True, None),
        ("http_json", {"request": {"query": {"c": "{id_no}"}}}, False, None),
        ("http_json", {"request": {"query": {"c": "{id_no}"}}}, True, "issuer_unused"),
        ("http_json", {"request": None}, True, "issuer_unused"),
        ("http_json", {"request": {"query": {"c": "{issuer}"}}}, False, "issuer_unsaid"),
        ("http_json", {"request": {"path": "/{issuer}/{id_no}"}}, True, "issuer_in_path"),
        ("sql", {"query": "SELECT 1 WHERE a = :id_no AND b = :issuer"}, True, None),
        ("sql", {"query": "SELECT b::issuer, :issuers WHERE a = :id_no"}, True, "issuer_unused"),
        ("sql", {"query": "SELECT 1 WHERE b = :issuer"}, False, "issuer_unsaid"),
        ("sql", {"query": "SELECT :issuer", "rows": {"r": "SELECT :id_no"}}, True, "issuer_unused"),
        ("file", {}, True, "issuer_unused"),
        ("sandbox", {}, True, "issuer_unused"),
        ("one_of_ours", {}, True, None),
    ],
)
def test_who_tells_issuers_apart_asks_by_them(
    registry: Make, source: Make, connector: str, config: dict[str, Any], by_issuer: bool, code: str | None
) -> None:
    """`by_issuer` and what every question of the source names agree."""
    made = source(connector=connector, config={"no_echo": "codes only", **config}, by_issuer=by_issuer)

    assert codes_of(registry(sources=[made])) == ([] if code is None else [code])


def test_a_question_without_the_issuer_is_shown_where_it_stands(tmp_path: Path) -> None:
    """File, line and remedy."""
    (tmp_path / "sources.yaml").write_text(
        "sources:\n"
        "  - id: border\n"
        "    name: a\n"
        "    department: b\n"
        "    connector: sql\n"
        "    by_issuer: true\n"
        "    config:\n"
        "      echo: no\n"
        '      query: "SELECT * FROM p WHERE no = :id_no"\n',
        encoding="utf-8",
    )
    (fault,) = (fault for fault in check_directory(tmp_path) if fault.code == "issuer_unused")

    assert (fault.file, fault.line, fault.severity) == ("sources.yaml", 9, "error")
    assert "name :issuer there, or leave by_issuer out" in fault.message


@pytest.mark.parametrize(
    ("parts", "code", "words"),
    [
        ({"connector": "http-json"}, "unknown_connector", "Did you mean 'http_json'?"),
        ({"config": {"answer": {"echo": "/i"}}}, "config_missing_key", "base_url"),
        ({"config": {"base_url": 3, "answer": {"echo": "/i"}}}, "config_wrong_type", "expected text"),
        (
            {"config": {"base_url": "x", "echo": "y", "anwser": {}}},
            "config_unknown_key",
            "Did you mean 'answer'?",
        ),
    ],
)
def test_a_configuration_fits_its_connector(
    parts: dict[str, Any], code: str, words: str, registry: Make, source: Make
) -> None:
    """The kind exists and its own schema is kept; without schemas nothing is claimed."""
    bad: Source = source(**parts)
    faults = check_registry(registry(sources=[bad]), connector_schemas=SCHEMAS)

    assert any(fault.code == code and words in fault.message for fault in faults)
    assert check_registry(registry(sources=[bad])) == ()


PLANTED: dict[str, str] = {
    "items_yaml": """\
items:
  - {id: person.name, name: 姓名, kind: person, datatype: name, department: 公安}
  - {id: person.sex, name: 性别, kind: person, datatype: code, code_list: sx, department: 公安}
  - id: person.health
    name: 健康
    kind: person
    datatype: text
    department: 卫健
    share: none
  - {id: person.birth_date, name: 出生日期, kind: person, datatype: date, department: 公安}
  - {id: person.income, name: 收入, kind: person, datatype: text, department: 税务}
  - {id: person.phone, name: 电话, kind: person, datatype: fone, department: 公安}
  - {id: person.marital, name: 婚姻, kind: person, datatype: code, code_list: marital, department: 民政}
  - {id: person.address, name: 住址, kind: person, datatype: address, department: 公安, fresness: 30d}
""",
    "sources_yaml": """\
sources:
  - {id: civil-registry, name: 人口库, department: 公安, connector: http_json, config: {base_url: u, answer: {echo: /i}}}
  - {id: tax, name: 税务库, department: 税务, connector: http_json, config: {base_url: 3, answer: {echo: /i}}}
  - {id: ocr, name: 识别, department: 窗口, connector: sandbox, tier: D}
""",
    "bindings_yaml": """\
bindings:
  - {item: person.name, source: civil-registry, attribute: /xm}
  - {item: person.name, source: tax, attribute: /xm}
  - {item: person.sex, source: civil-registry, attribute: /xb}
  - {item: person.health, source: civil-registry, attribute: /jk}
  - item: person.birth_date
    source: civil
    attribute: /csrq
  - {item: person.income, source: tax, attribute: /sr, transform: {multiply: "10000"}}
  - {item: person.phone, source: civil-registry, attribute: /dh}
  - {item: person.marital, source: civil-registry, attribute: /hy, transform: {codes: {W: "10", Y: "99"}}}
  - {item: person.address, source: ocr, attribute: /dz}
  - {item: person.address, source: civil-registry, attribute: /dz, rank: 2}
""",
    "marital_csv": "code,name\n10,未婚\n20,已婚\n",
}


def test_ten_planted_faults_are_ten_faults_with_file_and_line(directory: Callable[..., Path]) -> None:
    """Unreadable and wrong things are found in one run, each where it stands, and nothing else."""
    faults = check_directory(directory(**PLANTED), SCHEMAS)

    assert {(fault.file, fault.line, fault.code) for fault in faults} == {
        ("items.yaml", 3, "unknown_code_list"),
        ("items.yaml", 9, "no_citation"),
        ("items.yaml", 12, "bad_value"),
        ("items.yaml", 14, "unknown_key"),
        ("sources.yaml", 3, "config_wrong_type"),
        ("bindings.yaml", 3, "two_authorities"),
        ("bindings.yaml", 7, "unknown_source"),
        ("bindings.yaml", 9, "type_clash"),
        ("bindings.yaml", 11, "unknown_code"),
        ("bindings.yaml", 12, "tier_outranks"),
    }
    assert len(faults) == 10


def test_a_file_that_cannot_be_read_is_one_fault_not_hundreds(directory: Callable[..., Path]) -> None:
    """What stood in a broken file counts as there: references to it are not faults of their own."""
    broken = PLANTED | {"sources_yaml": PLANTED["sources_yaml"] + "  - {id: [\n"}
    before = {fault.code for fault in check_directory(directory(**PLANTED))}

    faults = check_directory(directory(**broken))

    assert [fault.code for fault in faults if fault.file == "sources.yaml"] == ["yaml_syntax"]
    assert {fault.code for fault in faults} <= before | {"yaml_syntax"}


def test_a_broken_binding_hides_no_authority(directory: Callable[..., Path]) -> None:
    """Whether an item is bound is not judged while one of its bindings cannot be read."""
    files = PLANTED | {"bindings_yaml": PLANTED["bindings_yaml"].replace(", attribute: /jk", "")}

    faults = check_directory(directory(**files))

    assert ("missing_key", 5) in {(fault.code, fault.line) for fault in faults}
    assert "unbound" not in {fault.code for fault in faults}


def test_faults_print_as_compilers_do(directory: Callable[..., Path]) -> None:
    """file:line: message [code]."""
    fault = check_directory(directory(**PLANTED))[0]

    assert str(fault).startswith(f"{fault.file}:{fault.line}: ")
    assert str(fault).endswith(f"[{fault.code}]")


def test_without_places_a_fault_still_says_what(registry: Make, item: Callable[..., Item]) -> None:
    """A registry from the database has no files; the sentence names the part."""
    faults = check_registry(registry(bindings=[Binding("person.name", "nowhere", "/x")]), places={})

    assert {(fault.file, fault.line) for fault in faults} == {("registry", 0)}
