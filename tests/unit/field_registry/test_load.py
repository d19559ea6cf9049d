"""Directories: what is written is what is loaded, and what cannot be read is named with file, line and remedy."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest

from field_registry import SubjectKind, Tier
from field_registry.bindings import Transform
from field_registry.errors import FaultsFound
from field_registry.items import Datatype, Sensitivity, ShareAttribute
from field_registry.load import load_registry, read_registry

Write = Callable[..., Path]

ITEMS = """\
items:
  - {id: person.name, name: 姓名, kind: person, datatype: name, department: 公安}
  - id: person.sex
    name: 性别
    kind: person
    datatype: code
    code_list: sex
    department: 公安
    sensitivity: sensitive
    share: none
    share_citation: 某条例第三条
    freshness: 365d
    compare: true
    synonyms: [公民性别]
"""
SOURCES = """\
sources:
  - id: civil
    name: 人口基础库
    department: 公安
    connector: http_json
    tier: B
    kinds: [person, vehicle]
    id_types: ["111", "112"]
    timeout: 1500ms
    maintenance:
      - {daily_from: "22:00", daily_to: "02:00", weekdays: [6]}
      - {start: 2026-01-01T00:00:00Z, end: 2026-01-02T00:00:00+08:00}
    config: {answer: {echo: /id}}
"""
BINDINGS = """\
bindings:
  - {item: person.name, source: civil, attribute: /xm}
  - item: person.sex
    source: civil
    attribute: /xb
    transform: {codes: {M: "1"}}
    effective_from: 2026-01-01
    effective_to: 2027-01-01
"""
SEX = "code,name,aliases,retired_to,source\n1,男性,男|M,,GB/T 2261.1\n2,女性,女,,\n8,,,2,\n"
LISTS = "code_lists:\n  - {id: sex, name: 性别, standard: GB/T 2261.1}\n"
SOUND = {
    "items_yaml": ITEMS,
    "sources_yaml": SOURCES,
    "bindings_yaml": BINDINGS,
    "lists_yml": LISTS,
    "sex_csv": SEX,
}


def test_a_directory_says_all_a_registry_holds(directory: Write) -> None:
    """Every key reaches its attribute, in its type."""
    registry = load_registry(directory(**SOUND), version=7).registry

    sex, civil = registry.item("person.sex"), registry.source("civil")
    assert registry.version == 7
    assert (sex.datatype, sex.code_list, sex.sensitivity) == (Datatype.code, "sex", Sensitivity.sensitive)
    assert (sex.share, sex.share_citation, sex.compare) == (ShareAttribute.none, "某条例第三条", True)
    assert (sex.freshness, sex.synonyms) == (timedelta(days=365), ("公民性别",))
    assert (civil.tier, civil.timeout) == (Tier.B, timedelta(milliseconds=1500))
    assert civil.kinds == {SubjectKind.person, SubjectKind.vehicle}
    assert (civil.maintenance[0].daily_from, civil.maintenance[0].weekdays) == (time(22), frozenset({6}))
    assert civil.maintenance[1].start == datetime(2026, 1, 1, tzinfo=UTC)
    (binding,) = registry.bindings_of("person.sex", date(2026, 6, 1))
    assert binding.transform == Transform(codes={"M": "1"})
    assert registry.bindings_of("person.sex", date(2027, 1, 1)) == ()


def test_code_lists_come_from_sheets(directory: Write) -> None:
    """A sheet says codes, aliases, successors and origins; its entry the name and standard."""
    codes = load_registry(directory(**SOUND)).registry.code_list("sex")

    assert (codes.name, codes.standard) == ("性别", "GB/T 2261.1")
    assert dict(codes.names) == {"1": "男性", "2": "女性"}
    assert (dict(codes.retired), dict(codes.origins)) == ({"8": "2"}, {"1": "GB/T 2261.1"})
    assert codes.code_of("M") == "1"


def test_a_sheet_needs_no_entry(directory: Write) -> None:
    """A list without an entry is called as its file."""
    codes = load_registry(directory(sex_csv=SEX)).registry.code_list("sex")

    assert codes.name == "sex"


def test_every_part_has_its_place(directory: Write) -> None:
    """Faults found later can name file and line, down to a key and a code."""
    places = load_registry(directory(**SOUND)).places

    assert (places["item", "person.sex"].file, places["item", "person.sex"].line) == ("items.yaml", 3)
    assert places["item", "person.sex"].line_of("share") == 10
    assert places["source", "civil"].line_of("config", "answer", "echo") == 13
    binding = places["binding", "person.sex <- civil:/xb from 2026-01-01"]
    assert (binding.line, binding.line_of("transform", "codes", "M")) == (3, 6)
    assert (places["code_list", "sex"].file, places["code", "sex/2"].line) == ("lists.yml", 3)
    assert places["code", "sex/2"].line_of("name") == 3


FAULTS: list[tuple[dict[str, str], str, str, int, str]] = [
    ({"items_yaml": "items: [\n"}, "yaml_syntax", "items.yaml", 2, "not YAML"),
    ({"items_yaml": "[]"}, "wrong_type", "items.yaml", 1, "mapping"),
    ({"items_yaml": "itmes: []"}, "unknown_key", "items.yaml", 1, "Did you mean 'items'?"),
    ({"items_yaml": "items: {a: 1}"}, "wrong_type", "items.yaml", 1, "a list"),
    ({"items_yaml": "items:\n  - 3"}, "wrong_type", "items.yaml", 2, "mapping of keys"),
    ({"items_yaml": ITEMS.replace("compare:", "compair:")}, "unknown_key", "items.yaml", 13, "'compare'"),
    ({"items_yaml": ITEMS.replace("365d", "1 year")}, "bad_duration", "items.yaml", 12, "365d"),
    (
        {"items_yaml": ITEMS.replace("datatype: code", "datatype: coded")},
        "bad_value",
        "items.yaml",
        6,
        "'code'",
    ),
    (
        {"items_yaml": ITEMS.replace("compare: true", "compare: yes")},
        "wrong_type",
        "items.yaml",
        13,
        "true or false",
    ),
    ({"items_yaml": ITEMS.replace("    name: 性别\n", "")}, "missing_key", "items.yaml", 3, "name"),
    ({"items_yaml": ITEMS.replace("person.sex", "性别")}, "bad_id", "items.yaml", 3, "letter"),
    (
        {"items_yaml": ITEMS.replace("person.sex", "person.name")},
        "duplicate_id",
        "items.yaml",
        3,
        "items.yaml:2",
    ),
    ({"sources_yaml": SOURCES.replace('["111", "112"]', "[111]")}, "wrong_type", "sources.yaml", 8, "quotes"),
    (
        {"sources_yaml": SOURCES.replace("tier: B", "tier: F")},
        "bad_value",
        "sources.yaml",
        6,
        "A, B, C, D, E",
    ),
    ({"sources_yaml": SOURCES.replace('"22:00"', "10pm")}, "bad_time", "sources.yaml", 11, "HH:MM"),
    (
        {"sources_yaml": SOURCES.replace("2026-01-01T00:00:00Z", "soon")},
        "bad_time",
        "sources.yaml",
        12,
        "3339",
    ),
    (
        {"bindings_yaml": BINDINGS.replace("2027-01-01", "2027-02-30")},
        "bad_date",
        "bindings.yaml",
        8,
        "YYYY-MM-DD",
    ),
    ({"bindings_yaml": BINDINGS.replace('"1"', "1")}, "wrong_type", "bindings.yaml", 6, "quotes"),
    ({"bindings_yaml": BINDINGS.replace("/xm", "/xm, rank: 0")}, "bad_value", "bindings.yaml", 2, "minimum"),
    (
        {"bindings_yaml": BINDINGS + "  - {item: person.name, source: civil, attribute: /xm}"},
        "duplicate_id",
        "bindings.yaml",
        9,
        "already",
    ),
    ({"lists_yml": LISTS + "  - {id: nope, name: 无}\n"}, "no_codes", "lists.yml", 3, "codes/nope.csv"),
    ({"sex_csv": "code,name,alias\n1,男,\n"}, "unknown_column", "codes/sex.csv", 1, "'aliases'"),
    ({"sex_csv": "code\n1\n"}, "missing_column", "codes/sex.csv", 1, "name"),
    ({"sex_csv": SEX + "1,男,,,\n"}, "duplicate_code", "codes/sex.csv", 5, "line 2"),
    ({"sex_csv": SEX + "9,,,,\n"}, "blank", "codes/sex.csv", 5, "empty"),
    ({"sex_csv": SEX + "9,未知,M,,\n"}, "ambiguous_alias", "codes/sex.csv", 5, "line 2"),
    ({"sex_csv": SEX + "9,未知,,,,more\n"}, "too_many_cells", "codes/sex.csv", 5, "comma"),
]


@pytest.mark.parametrize(("files", "code", "file", "line", "words"), FAULTS)
def test_each_fault_is_named_with_file_line_and_remedy(
    files: dict[str, str], code: str, file: str, line: int, words: str, directory: Write
) -> None:
    """One planted fault gives one fault, where it stands, with a word on what to do."""
    with pytest.raises(FaultsFound) as caught:
        load_registry(directory(**SOUND | files))

    (fault,) = caught.value.faults
    assert (fault.code, fault.file, fault.line) == (code, file, line)
    assert words in fault.message
    assert fault.severity == "error"


def test_all_faults_come_at_once(directory: Write) -> None:
    """Ten mistakes take one run to find, not ten."""
    files = {name: text for planted, *_ in FAULTS[4:12] for name, text in planted.items()}
    wrong = {"a_yaml": "items: [", "b_yaml": "things: 1", "c_csv": "x\n"} | files

    with pytest.raises(FaultsFound) as caught:
        load_registry(directory(**wrong))

    assert {fault.file for fault in caught.value.faults} >= {"a.yaml", "b.yaml", "codes/c.csv", "items.yaml"}


def test_what_can_be_read_is_read_in_spite_of_faults(directory: Write) -> None:
    """A bad key takes its default, a bad entry is left out and known as broken."""
    files = SOUND | {
        "items_yaml": ITEMS.replace("365d", "soon").replace("name: 姓名", "nmae: 姓名"),
        "more_yaml": "items:\n  - id: person.age\n  name: [",
    }

    loaded = read_registry(directory(**files))

    assert loaded.registry.item("person.sex").freshness is None
    assert ("item", "person.name") in loaded.broken
    assert ("item", "person.age") in loaded.broken
    assert len(loaded.faults) == 4


def test_a_missing_directory_is_one_fault(tmp_path: Path) -> None:
    """The fault names the directory and says which to give."""
    with pytest.raises(FaultsFound, match=r"items\.yaml"):
        load_registry(tmp_path / "nowhere")


def test_a_sheet_in_gbk_is_a_fault(directory: Write) -> None:
    """Spreadsheets that save GBK are told what to do."""
    path = directory(sex_csv="")
    (path / "codes" / "sex.csv").write_bytes("code,name\n1,男\n".encode("gbk"))

    assert [fault.code for fault in read_registry(path).faults] == ["not_utf8"]


def test_an_empty_directory_is_an_empty_registry(tmp_path: Path) -> None:
    """Nothing written is no fault."""
    assert dict(load_registry(tmp_path).registry.items) == {}
