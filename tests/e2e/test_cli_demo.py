"""The command line as somebody uses it first: the demonstration, then every command on the state it leaves behind."""

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from gateway.cli import app

DEMO_SECONDS = 90


def oncegate(*arguments):
    """The command as a process of its own: exit code, standard output, standard error."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("ONCEGATE_")}
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        capture_output=True,
        timeout=DEMO_SECONDS,
        env=environ,
        check=False,
        encoding="utf-8",
    )
    return done.returncode, done.stdout, done.stderr


def run(*arguments):
    """The command in this process, which saves its start: exit code and what it printed."""
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    return result.exit_code, result.stdout


def told(*arguments):
    """What a command that must succeed prints for machines."""
    code, printed = run(*arguments, "--json")
    assert code == 0, printed
    return json.loads(printed)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """One whole demonstration, kept: what it printed, what it said while at work, and its state directory."""
    directory = tmp_path_factory.mktemp("demo")
    code, printed, said = oncegate(
        *("demo", "--once", "--json", "--people", "2", "--traffic", "0", "--keep", str(directory))
    )
    assert code == 0, said
    return json.loads(printed), said, directory


@pytest.fixture(scope="module")
def state(demo):
    """The state directory it left."""
    return demo[2]


def test_the_demo_prints_one_row_per_form(demo):
    """The shape of the contract: sources, forms with counts and rates, seconds."""
    printed, _, _ = demo

    assert printed.keys() == {"sources", "forms", "report", "seconds"}
    assert printed["report"] is None  # no traffic was asked for
    assert printed["sources"] >= 12
    assert len(printed["forms"]) >= 12
    assert printed["seconds"] > 0
    for row in printed["forms"]:
        assert row.keys() == {
            "id",
            "version",
            "people",
            "fields",
            "eligible",
            "filled",
            "by_outcome",
            "M1",
            "M3",
        }
        assert row["people"] == 2


def test_its_sums_and_rates_hold(demo):
    """Outcomes add up to the fields; a rate is its numerator over its denominator, eligible fields."""
    for row in demo[0]["forms"]:
        assert sum(row["by_outcome"].values()) == row["fields"]
        assert row["by_outcome"].get("filled", 0) + row["by_outcome"].get("filled_stale", 0) == row["filled"]
        assert row["filled"] <= row["eligible"] <= row["fields"]
        assert row["M3"]["numerator"] == row["filled"]
        for rate in (row["M1"], row["M3"]):
            assert rate["denominator"] == row["eligible"]
            assert rate["rate"] == pytest.approx(rate["numerator"] / rate["denominator"], abs=0.0005)


def test_the_vehicle_review_comes_first_with_eleven_of_fourteen(demo):
    """The form of the story: 20 fields, 14 eligible, 11 filled."""
    first = demo[0]["forms"][0]

    assert (first["id"], first["fields"], first["eligible"], first["filled"]) == (
        "vehicle-annual-review",
        20,
        14,
        11,
    )


@pytest.fixture(scope="module")
def month():
    """A demonstration with a small month: what it printed for people, and for machines."""
    shown = [
        oncegate("demo", "--once", "--people", "1", "--traffic", "25", "--seed", "3", *more)
        for more in ((), ("--json",))
    ]
    assert [code for code, _, _ in shown] == [0, 0], shown[0][2]
    return shown[0][1], json.loads(shown[1][1])["report"]


def test_the_demo_tells_of_its_month(month):
    """By form with rates and counts, three steps with their gains, what was asked again; for people and machines."""
    printed, report = month

    assert report["definition"] == "rates/1"
    assert report["happened"]["applications"] == 25
    assert sum(form["applications"] for form in report["forms"]) == (
        report["happened"]["submitted"] - report["happened"]["tests"]
    )
    assert len(report["gaps"]) == 3
    assert {"m7", "rows"} == report["repeat"].keys()
    assert "25 applications in four weeks" in printed
    assert all(step["sentence"] in printed for step in report["gaps"])
    assert "重复采集" in printed


def test_the_same_seed_tells_the_same_month(month):
    """Two runs differ in references and milliseconds, not in who came, what they did and what was counted."""
    printed, report = month

    rates = report["rates"]
    assert f"({rates['M4']['numerator']}/{rates['M4']['denominator']})" in printed
    assert f"({rates['M7']['numerator']}/{rates['M7']['denominator']})" in printed


def test_progress_goes_to_standard_error(demo):
    """Who waits sees something; what is piped stays pure JSON."""
    assert "16/16" in demo[1]


def test_check_finds_the_shipped_city_sound():
    """`check` without a directory: exit 0."""
    assert told("check")["errors"] == 0


def test_trace_says_where_each_field_comes_from(state):
    """Every field of the form, also those that come from nowhere yet."""
    traced = told("registry", "trace", "vehicle-annual-review", "--state", state)

    assert len(traced["fields"]) == 20
    assert sum(bool(line["sources"]) for line in traced["fields"]) == 11


def test_an_exported_registry_is_no_change_and_imports_to_the_same(state, tmp_path):
    """Export, diff, import: nothing changed, no new version."""
    directory = tmp_path / "registry"

    assert run("registry", "export", directory, "--state", state)[0] == 0
    assert told("registry", "diff", directory, "--state", state) == {"changes": []}
    imported = told("registry", "import", directory, "--state", state)

    assert imported["registry"] == {"version": 1, "new": False}
    assert run("registry", "export", directory, "--state", state)[0] == 2  # never over something


def test_a_change_is_told_and_exits_one(state, tmp_path):
    """`diff` names the change; it publishes nothing."""
    directory = tmp_path / "registry"
    run("registry", "export", directory, "--state", state)
    items = next(path for path in directory.rglob("*.yaml") if "籍贯" in path.read_text("utf-8"))
    items.write_text(items.read_text("utf-8").replace("籍贯", "祖籍"), encoding="utf-8")

    code, printed = run("registry", "diff", directory, "--state", state, "--json")

    assert code == 1
    assert any("person.native_place" in change for change in json.loads(printed)["changes"])


def test_connector_kinds_are_listed():
    """The four kinds that come with the product."""
    names = {kind["name"] for kind in told("connector", "list")["kinds"]}

    assert {"http_json", "sql", "file", "sandbox"} <= names


def test_sources_that_are_gone_are_named(state):
    """The city left with the demonstration: `connector check` exits 1 and says which sources do not answer."""
    code, printed = run("connector", "check", "--state", state, "--json")

    assert code == 1
    answers = {source["source"]: source["ok"] for source in json.loads(printed)["sources"]}
    assert answers["civil"] is False
    assert answers["marriage"] is True  # a database file, which stayed


def test_consents_are_listed_and_shown(state):
    """Page by page, and one by its id; no identifier of anybody in them."""
    first = told("consent", "list", "--state", state, "--limit", "5")
    rest = told("consent", "list", "--state", state, "--cursor", first["next_cursor"])
    shown = told("consent", "show", first["consents"][0]["id"], "--state", state)

    assert len(first["consents"]) == 5
    assert [each["state"] for each in shown.pop("events")] == ["given"]
    assert shown == first["consents"][0]
    assert shown["state"] == "given"
    assert shown["subject"].keys() == {"ref", "kind"}
    assert not {each["id"] for each in first["consents"]} & {each["id"] for each in rest["consents"]}
    assert run("consent", "show", "cns_nobody", "--state", state)[0] == 1


def test_entries_tell_of_publications_consents_and_resolutions(state):
    """Everything that happened is in the log, in order."""
    entries = told("audit", "entries", "--state", state, "--limit", "10000")["entries"]

    kinds = {entry["kind"] for entry in entries}
    assert {"registry.published", "policy.published", "form.published", "consent.given"} <= kinds
    assert [entry["id"] for entry in entries] == sorted(entry["id"] for entry in entries)
    intents = [entry["request"] for entry in entries if entry["kind"] == "intent"]
    outcomes = [entry["request"] for entry in entries if entry["kind"] == "outcome"]
    assert sorted(intents) == sorted(outcomes)
    assert len(intents) == 32
    about = told("audit", "entries", "--state", state, "--request", intents[0])["entries"]
    assert [entry["kind"] for entry in about] == ["intent", "outcome"]


def test_resolve_answers_even_when_the_sources_are_gone(state):
    """Every field has an outcome; without the city, none of the HTTP sources answers."""
    arguments = (
        "--subject",
        "vehicle=vehicle:闽C90001",
        "--subject",
        "enterprise=organisation:91350583X90000011D",
    )

    answer = told("resolve", "vehicle-annual-review@3", *arguments, "--state", state, "--patience-ms", "500")

    assert len(answer["fields"]) == 20
    assert answer["fields"]["enterprise_name"]["outcome"] == "source_error"
    assert answer["fields"]["agent_name"]["outcome"] == "identity_unbound"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("resolve", "no-such-form"), 1),
        (("resolve", "vehicle-annual-review@two"), 2),
        (("resolve", "vehicle-annual-review", "--subject", "vehicle"), 2),
        (("registry", "trace", "no-such-form"), 1),
        (("consent", "show", "cns_nobody"), 1),
        (("audit", "entries", "--limit", "0"), 2),
        (("no-such-command",), 2),
    ],
)
def test_exit_codes_say_what_happened(state, arguments, code):
    """1 for what was found wrong, 2 for wrong use, with a sentence and no traceback."""
    given = (*arguments, "--state", state) if len(arguments) > 1 else arguments

    result = CliRunner().invoke(app, [str(each) for each in given])

    assert result.exit_code == code
    assert result.stderr.strip()
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_a_state_directory_that_is_none_is_wrong_use(tmp_path):
    """The sentence says what makes one; as a real process, its exit code is 2."""
    code, _, said = oncegate("consent", "list", "--state", str(tmp_path / "nowhere"))

    assert code == 2
    assert "oncegate demo --keep" in said
