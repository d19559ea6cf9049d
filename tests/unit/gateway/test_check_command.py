"""`oncegate check` on what ships, and on a copy of it in which ten things are wrong."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.curation import SHIPPED


@dataclass(frozen=True)
class Planted:
    """One fault: in `file`, `old` becomes `new`; `check` must name it `code`, in the line where `mark` then stands."""

    code: str
    file: str
    old: str
    new: str
    mark: str


PLANTED = (
    Planted(
        "no_authority",
        "registry/bindings.yaml",
        "{item: vehicle.vin, source: vehicle-registration, attribute: /clsbdh}",
        "{item: vehicle.vin, source: vehicle-registration, attribute: /clsbdh, rank: 2}",
        "attribute: /clsbdh, rank: 2",
    ),
    Planted(
        "unknown_source",
        "registry/bindings.yaml",
        "{item: vehicle.seats, source: vehicle-registration",
        "{item: vehicle.seats, source: vehicle-registry",
        "source: vehicle-registry,",
    ),
    Planted(
        "type_clash",
        "registry/bindings.yaml",
        "{item: vehicle.body_color, source: vehicle-registration, attribute: /csys}",
        '{item: vehicle.body_color, source: vehicle-registration, attribute: /csys, transform: {multiply: "10"}}',
        'transform: {multiply: "10"}',
    ),
    Planted(
        "unknown_code",
        "registry/bindings.yaml",
        'codes: {JH: "20", BFJH: "20", LH: "40"}',
        'codes: {JH: "77", BFJH: "20", LH: "40"}',
        'JH: "77"',
    ),
    Planted(
        "no_citation",
        "registry/items.yaml",
        "{id: person.birth_place, name: 出生地,",
        "{id: person.birth_place, share: none, name: 出生地,",
        "share: none, name: 出生地",
    ),
    Planted(
        "unknown_code_list",
        "registry/items.yaml",
        "department: 公安, code_list: sex}",
        "department: 公安, code_list: sexes}",
        "code_list: sexes}",
    ),
    Planted(
        "config_",
        "registry/sources.yaml",
        'request: {method: GET, path: "/persons/{id_no}"}',
        'request: {methode: GET, path: "/persons/{id_no}"}',
        "methode: GET",
    ),
    Planted(
        "unknown_item",
        "forms/vehicle-annual-review.yaml",
        "item: vehicle.insurance_no,",
        "item: vehicle.insurance_number,",
        "item: vehicle.insurance_number,",
    ),
    Planted(
        "",
        "forms/water-intake.yaml",
        "kinds: [organisation]",
        "kinds: [organization]",
        "kinds: [organization]",
    ),
    Planted(
        "",
        "policies/rules.yaml",
        "ground: {kind: statutory_duty, code: SF-YJ-0107, citation: 《生产安全事故应急条例》（国务院令第708号）第七条}",
        "ground: {kind: statutory_duty, code: SF-YJ-0107}",
        "ground: {kind: statutory_duty, code: SF-YJ-0107}",
    ),
)


def run(*arguments: str) -> tuple[int, dict]:
    """Exit code of `oncegate check` and what it printed for machines."""
    result = CliRunner().invoke(app, ["check", *arguments, "--json"])
    return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the shipped registry, forms and policy."""
    for room, name in (("field_registry", "registry"), ("forms", "forms"), ("policies", "policies")):
        shutil.copytree(SHIPPED[room], tmp_path / name)
    return tmp_path


def plant(directory: Path, faults: tuple[Planted, ...]) -> None:
    """Spoil the directory; each old text must stand there once."""
    for fault in faults:
        path = directory / fault.file
        text = path.read_text(encoding="utf-8")
        assert text.count(fault.old) >= 1, fault
        path.write_text(text.replace(fault.old, fault.new, 1), encoding="utf-8")


def line_of(directory: Path, fault: Planted) -> int:
    """Where the fault stands now."""
    lines = (directory / fault.file).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if fault.mark in line)


def errors(told: dict) -> list[dict]:
    """Faults that are errors."""
    return [fault for fault in told["faults"] if fault["severity"] == "error"]


def test_what_ships_has_no_fault() -> None:
    """Exit 0 and not one error."""
    code, told = run()

    assert (code, errors(told)) == (0, [])


def test_ten_planted_faults_are_found_with_file_and_line(copied: Path) -> None:
    """Ten faults of different kinds: exit 1, ten errors, each in its file and line with a message."""
    plant(copied, PLANTED)

    code, told = run(str(copied))

    found = {(fault["file"].rpartition("/")[2], fault["line"]) for fault in errors(told)}
    planted = {(fault.file.rpartition("/")[2], line_of(copied, fault)) for fault in PLANTED}
    assert code == 1
    assert planted <= found
    assert told["errors"] == len(PLANTED)
    assert all(re.search(r"\w{3,}", fault["message"]) for fault in told["faults"])


@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: f"{fault.file}:{fault.code}")
def test_each_planted_fault_alone_is_one_error(copied: Path, fault: Planted) -> None:
    """One mistake is one error, not a flood of consequences."""
    plant(copied, (fault,))

    code, told = run(str(copied))

    assert code == 1
    found = errors(told)
    assert [(each["file"].rpartition("/")[2], each["line"]) for each in found] == [
        (fault.file.rpartition("/")[2], line_of(copied, fault))
    ]
    assert found[0]["code"].startswith(fault.code)


def test_no_fault_is_without_file_and_line(copied: Path) -> None:
    """A purpose nobody declares is found in the form that names it; a mask nobody knows in its item."""
    strange = (
        Planted(
            "unknown_purpose",
            "forms/vehicle-annual-review.yaml",
            "purpose: transport.vehicle-review",
            "purpose: transport.vehicle-revue",
            "purpose: transport.vehicle-revue",
        ),
        Planted(
            "unknown_mask",
            "registry/items.yaml",
            "department: 公安, max_length: 50,\n     mask: name, synonyms: [公民姓名",
            "department: 公安, max_length: 50,\n     mask: nmae, synonyms: [公民姓名",
            "mask: nmae",
        ),
    )
    plant(copied, strange)

    _, told = run(str(copied))

    found = {(fault["code"], fault["file"].rpartition("/")[2], fault["line"]) for fault in errors(told)}
    assert found == {(f.code, f.file.rpartition("/")[2], line_of(copied, f)) for f in strange}


def test_a_fault_of_one_entry_does_not_hide_those_of_its_neighbours(copied: Path) -> None:
    """In one file: a rule that cannot be read, and another that names an item nobody has."""
    unread, unknown = (
        PLANTED[-1],
        Planted(
            "unknown_item", "policies/rules.yaml", "tax.total_assets,", "tax.total_asset,", "tax.total_asset,"
        ),
    )
    plant(copied, (unread, unknown))

    _, told = run(str(copied))

    assert {each["line"] for each in errors(told)} == {line_of(copied, unread), line_of(copied, unknown)}


def test_a_directory_that_is_none_is_wrong_use(tmp_path: Path) -> None:
    """Exit 2, and a sentence."""
    result = CliRunner().invoke(app, ["check", str(tmp_path / "nowhere")])

    assert result.exit_code == 2
    assert "directory" in re.sub(r"[│\s]+", " ", result.stderr)


def test_for_people_every_fault_is_a_line(copied: Path) -> None:
    """`severity: file:line: message`, and a count at the end."""
    plant(copied, PLANTED[:2])

    result = CliRunner().invoke(app, ["check", str(copied)])

    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert sum(line.startswith("error: ") and "bindings.yaml:" in line for line in lines) == 2
    assert lines[-1].startswith("2 errors, ")
