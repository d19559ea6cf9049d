"""`oncegate report gaps|repeat|sources|exempt` over an embedded state directory, as an operator runs them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from field_registry.load import load_registry
from forms.load import load_forms
from gateway.app import make_runtime
from gateway.cli import app
from gateway.curation import SHIPPED, Publisher
from gateway.records import AnswerCount, CallCount
from gateway.reports.periods import day_of
from gateway.settings import Settings
from gateway.store.migrate import migrate
from policies.load import load_policy


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with the shipped city published, and one source that was called today."""
    directory = tmp_path_factory.mktemp("state")
    settings = Settings(state_dir=directory)
    migrate(settings.database_url)
    asyncio.run(_publish(settings))
    return directory


async def _publish(settings: Settings) -> None:
    runtime = make_runtime(settings)
    now = runtime.clock()
    publisher = Publisher(runtime.store, "test", now, runtime.new_reference)
    await publisher.registry(load_registry(SHIPPED["field_registry"]).registry)
    await publisher.policy(load_policy(SHIPPED["policies"]).policy)
    for form in load_forms(SHIPPED["forms"]).forms:
        await publisher.form(form)
    calls = [CallCount("civil", "filled", 250, 9), CallCount("civil", "timeout", 5000, 1)]
    await runtime.store.source_health.add(day_of(now), calls, [AnswerCount("f", 50, 1)])
    await runtime.store.close()


def run(state: Path, *words: str) -> Any:
    """What a command prints, as data where it was asked for."""
    result = CliRunner().invoke(app, ["report", *words, "--state", str(state)])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout) if "--json" in words else result.stdout


@pytest.mark.parametrize("name", ["gaps", "repeat"])
def test_without_applications_there_is_nothing_to_do(state: Path, name: str) -> None:
    """And that is said, not divided by zero."""
    told = run(state, name, "--json")

    assert told["applications"] == {"counted": 0, "waiting": 0}
    assert told["definition"] == "rates/1"
    assert "0 applications" in run(state, name)


def test_sources_that_were_called_come_first(state: Path) -> None:
    """With their availability and times; the others are listed too."""
    first, *others = run(state, "sources", "--json")["sources"]

    assert (first["source"], first["available"]) == (
        "civil",
        {"rate": 0.9, "numerator": 9, "denominator": 10},
    )
    assert first["ms"]["p50"] == 183
    assert len(others) == len(load_registry(SHIPPED["field_registry"]).registry.sources) - 1
    assert "90.0 % (9/10)" in run(state, "sources")


def test_papers_of_the_shipped_forms_are_listed(state: Path) -> None:
    """Every shipped form with papers; what keeps one from being exempt is named."""
    told = run(state, "exempt", "--json")

    assert told["exempt"]["denominator"] == told["materials_in_all"] == len(told["materials"])
    assert 0.5 < told["exempt"]["rate"] < 1
    missing = {part["why"] for each in told["materials"] for part in each["missing"]}
    assert missing == {"not_in_catalogue", "not_shared"}
    assert "服役部队：属于不予共享的数据" in run(state, "exempt", "--form", "veterans-return").replace(
        "\n", ""
    )


def test_a_period_that_ends_before_it_begins_is_wrong_use(state: Path) -> None:
    """Exit code 2, like any other wrong use."""
    words = ["report", "gaps", "--state", str(state), "--from", "2026-02-02", "--to", "2026-02-01"]

    assert CliRunner().invoke(app, words).exit_code == 2


def test_importing_a_form_tells_what_it_asks_though_it_is_held(state: Path, tmp_path: Path) -> None:
    """The field, the item it could name, and the department that owns it; it is published all the same."""
    for room, name in (("field_registry", "registry"), ("forms", "forms")):
        (tmp_path / name).mkdir()
        for file in SHIPPED[room].rglob("*"):
            if file.is_file() and (room != "forms" or file.name == "elderly-allowance.yaml"):
                target = tmp_path / name / file.relative_to(SHIPPED[room])
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read_bytes())
    path = tmp_path / "forms" / "elderly-allowance.yaml"
    text = path.read_text(encoding="utf-8").replace("version: 1\n", "version: 2\n", 1)
    typed = "  - {path: typed_again, label: 民族, label_en: Ethnicity}\n"
    path.write_text(text.replace("\nfields:\n", f"\nfields:\n{typed}", 1), encoding="utf-8")

    words = ["registry", "import", str(tmp_path), "--state", str(state)]
    result = CliRunner().invoke(app, [*words, "--json"])
    told = json.loads(result.stdout)

    assert result.exit_code == 0, result.output
    assert told["forms"]["new"] == ["elderly-allowance"]
    assert [(each["path"], each["item"], each["department"]) for each in told["once_only"]] == [
        ("typed_again", "person.ethnicity", "公安")
    ]
    assert "typed_again" in CliRunner().invoke(app, words).stdout


def test_by_segment_part_of_a_month_is_refused(state: Path) -> None:
    """Causes are told apart by segment month by month; the refusal says so."""
    words = ["report", "gaps", "--state", str(state), "--segment", "taiwan", "--from", "2026-02-02"]

    result = CliRunner().invoke(app, [*words, "--to", "2026-03-01"])

    usual = run(state, "gaps", "--segment", "taiwan", "--json")

    assert result.exit_code != 0
    assert "month by month" in result.output.replace("\n", " ")
    assert (usual["from"][-2:], usual["to"][-2:]) == ("01", "01")
