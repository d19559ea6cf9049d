"""What slots count, the rates made of it, and the worked example of the contract."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from field_registry.outcomes import Disposition, OutcomeCode, Tier
from gateway.reports.example import BASELINE, SLOTS, example, example_document
from gateway.reports.measures import COUNTERS, Measures, application, measures_of, slot_measures, together
from gateway.reports.rates import RATES, Macro, Rate, macro_of, rates_of, shown
from gateway.slots import Snapshot

NOW = datetime(2026, 11, 21, tzinfo=UTC)
D = Disposition
KEPT = SLOTS[0]

# As the contract prints them: id, percent, numerator, denominator.
WORKED = {
    "M1": ("78.6", 11, 14),
    "M2": ("80.0", 8, 10),
    "M3": ("64.3", 9, 14),
    "M4": ("53.8", 7, 13),
    "M4a": ("46.2", 6, 13),
    "M5": ("70.0", 14, 20),
    "M6_correction": ("11.1", 1, 9),
    "M6_dispute": ("14.3", 1, 7),
    "M7": ("33.3", 2, 6),
}


@pytest.mark.parametrize("name", WORKED)
def test_the_worked_example(name: str) -> None:
    """Its rates are those that the contract prints, computed from its slots."""
    percent, numerator, denominator = WORKED[name]

    rate = rates_of(example())[name]

    assert rate == Rate(numerator, denominator)
    assert str(rate) == f"{percent} % ({numerator}/{denominator})"


def test_the_worked_example_is_the_application_that_the_contract_tells() -> None:
    """Fourteen eligible, eleven mapped, ten attempted, thirteen answered, one left blank, twenty before."""
    counted = example()

    assert (len(SLOTS), counted.mapped, counted.attempted, counted.answered) == (14, 11, 10, 13)
    assert (counted.typed, counted.edited, counted.disputed, counted.blank) == (4, 1, 1, 1)
    assert (counted.kept_a, counted.kept_c, counted.baseline_slots) == (6, 1, BASELINE)
    assert [slot.outcome for slot in SLOTS if not slot.mapped] == [OutcomeCode.no_binding] * 3


def test_the_command_prints_the_worked_example_without_a_database(tmp_path) -> None:
    """`oncegate report example --json` is what the contract says it prints."""
    command = [sys.executable, "-m", "gateway", "report", "example", "--json"]
    environment = {"PATH": "/usr/bin:/bin", "ONCEGATE_STATE_DIR": str(tmp_path / "none")}

    printed = subprocess.run(command, capture_output=True, check=True, env=environment)

    document = json.loads(printed.stdout)
    assert document == example_document()
    assert document["definition"] == "rates/1"
    assert document["rates"]["M1"] == {"rate": 0.786, "numerator": 11, "denominator": 14}
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(("tier", "counts"), [("A", 1), ("B", 1), ("C", 1), ("D", 0), ("E", 0)])
def test_what_was_read_or_derived_is_never_inside_m4(tier: str, counts: int) -> None:
    """OCR and derived values are assisted entry (M4b), however often they are kept."""
    rates = rates_of(application([replace(KEPT, tier=Tier(tier))]))

    assert rates["M4"] == Rate(counts, 1)
    assert rates["M4b"] == Rate(1 - counts, 1)
    assert rates["M4a"] == Rate(int(tier in "AB"), 1)


@pytest.mark.parametrize(
    ("disposition", "answered"),
    [(D.kept, 1), (D.edited, 1), (D.disputed, 1), (D.typed, 1), (D.cleared, 0), (D.blank, 0)],
)
@pytest.mark.parametrize("identity", [True, False])
def test_what_is_answered(disposition: Disposition, answered: int, identity: bool) -> None:
    """Eligible and not empty at submission; of identity fields too."""
    counted = slot_measures(replace(KEPT, disposition=disposition, identity=identity))

    assert counted.answered == answered
    assert counted.identity_answered == (answered if identity else 0)


def test_identity_fields_are_told_apart() -> None:
    """M4 with them, of them alone, and without them: the two parts are the whole."""
    slots = [KEPT, replace(KEPT, identity=False, disposition=D.edited), replace(KEPT, disposition=D.typed)]

    rates = rates_of(application(slots))

    assert rates["M4"] == Rate(1, 3)
    assert rates["M4_identity"] == Rate(1, 2)
    assert rates["M4_without_identity"] == Rate(0, 1)


@pytest.mark.parametrize(
    ("disposition", "missed"), [(D.typed, 1), (D.edited, 1), (D.disputed, 0), (D.kept, 0), (D.blank, 0)]
)
def test_what_is_collected_again(disposition: Disposition, missed: int) -> None:
    """Typed or edited though it could have been had; a dispute is the person's right and no repeat collection."""
    slot = replace(KEPT, disposition=disposition, obtainable=True)

    assert slot_measures(slot).missed == missed
    assert slot_measures(replace(slot, obtainable=False)).missed == 0


def test_a_value_of_the_profile_can_be_disputed_but_not_against_a_register() -> None:
    """M6's disputes are of tier A and B, over what was offered of these."""
    rates = rates_of(application([replace(KEPT, tier=Tier.C, disposition=D.disputed)]))

    assert rates["M6_dispute"] == Rate(0, 0)
    assert rates["M6_correction"] == Rate(0, 1)


def test_a_release_without_a_ground_is_seen() -> None:
    """M11 must be 100 %; a value that was given without one makes it less. Read values are no releases."""
    slots = [KEPT, replace(KEPT, grounded=False), replace(KEPT, tier=Tier.D, grounded=False)]

    assert rates_of(application(slots))["M11"] == Rate(1, 2)


def test_a_test_application_counts_nothing() -> None:
    """Test applications are never counted."""
    real = Snapshot("smn_1", 1, NOW, "review", 1, "transport", "政务", "resident", 1, 1, SLOTS, baseline=20)

    assert measures_of(real) == example()
    assert measures_of(replace(real, is_test=True)) == Measures()


def test_zero_typing_is_of_whole_applications() -> None:
    """No typed slot; an edited one is not typed."""
    assert application([KEPT, replace(KEPT, disposition=D.edited)]).zero_typed == 1
    assert application([KEPT, replace(KEPT, disposition=D.typed)]).zero_typed == 0


def test_without_a_baseline_there_is_nothing_to_compare_with() -> None:
    """M5 says so rather than guessing; with one, more typing than before is a negative rate."""
    slots = [replace(KEPT, disposition=D.typed)] * 3

    assert rates_of(application(slots))["M5"].value is None
    assert rates_of(application(slots, baseline=2))["M5"] == Rate(-1, 2)


def test_micro_and_macro_are_two_things() -> None:
    """One divides sums, the other is the mean of the forms' rates, of those that have any."""
    many = together([application([KEPT])] * 99 + [application([replace(KEPT, disposition=D.typed)])])
    few = application([replace(KEPT, disposition=D.typed)])
    none = application([replace(KEPT, disposition=D.blank)])

    assert rates_of(together([many, few, none]))["M4"] == Rate(99, 101)
    assert macro_of([many, few, none])["M4"] == Macro(0.495, 2)
    assert macro_of([])["M4"] == Macro(None, 0)
    assert [str(Macro(0.495, 2)), str(Macro(None, 0))] == ["49.5 % (2 forms)", "– (0 forms)"]


def test_measures_add_and_subtract() -> None:
    """What is added and taken away again leaves nothing."""
    counted = example()

    assert counted + Measures() == counted
    assert counted - counted == Measures()
    assert counted.times(3) == counted + counted + counted
    assert counted.times(-1) + counted == Measures()
    assert len(counted.counts) == len(COUNTERS)


def test_a_factor_is_no_percentage() -> None:
    """M8 says how many times; nothing collected is a dash."""
    assert shown("M8", Rate(9, 6)) == "×1.50 (9/6)"
    assert shown("M8", Rate(9, 0)) == "– (9/0)"
    assert shown("M8", Macro(1.5, 3)) == "×1.50 (3 forms)"
    assert {name for name, of in RATES.items() if of.is_factor} == {"M8"}
