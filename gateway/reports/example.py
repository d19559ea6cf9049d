"""The worked example of the rates (contract, section 3): one application, slot by slot, as it would be frozen. Pure.

Twenty slots, of which four are hidden by logic, one is a signature and one a consent box: fourteen are eligible, and
only those have slots. What is printed is computed from them as any report is.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from field_registry.outcomes import Disposition, OutcomeCode, Tier
from gateway.reports.measures import Measures, application
from gateway.reports.rates import DEFINITION, rates_of
from gateway.slots import Slot

_D, _O = Disposition, OutcomeCode
BASELINE = 20
"""Slots of the form's baseline."""


def _asked(path: str, item: str, outcome: OutcomeCode, disposition: Disposition, **more: Any) -> Slot:
    """A slot whose field has a binding and whose source was asked."""
    return Slot(path, path, item, "civil", outcome, None, disposition, mapped=True, attempted=True, **more)


def _given(path: str, item: str, disposition: Disposition = _D.kept, **more: Any) -> Slot:
    """A slot that a register filled."""
    flags = {"mapped": True, "attempted": True, "grounded": True, **more}
    return Slot(path, path, item, "civil", _O.filled, Tier.A, disposition, **flags)


SLOTS = (
    # Eleven are mapped. Seven authoritative values: six kept, one disputed.
    _given("name", "person.name", identity=True),
    _given("sex", "person.sex"),
    _given("birth_date", "person.birth_date"),
    _given("ethnic_group", "person.ethnic_group"),
    _given("residence", "person.residence_address"),
    _given("marital_status", "person.marital_status"),
    _given("workplace", "person.workplace", _D.disputed),
    # One value of the profile, kept.
    replace(_given("phone", "person.phone"), source="profile", tier=Tier.C),
    # One empty at its source and one timed out, both typed; only the second could have been had.
    _asked("insurance_no", "person.insurance_no", _O.empty_at_source, _D.typed),
    _asked("income", "person.income", _O.timeout, _D.typed, obtainable=True),
    # One refused by the person, so that nothing was asked; typed.
    Slot("health", "health", "person.health", None, _O.refused_by_person, None, _D.typed, mapped=True),
    # Three are not mapped: a value read from a paper, edited; one typed though its item is in the catalogue with a
    # ground; one left blank.
    Slot("certificate_no", "certificate_no", None, None, _O.no_binding, Tier.D, _D.edited),
    Slot("school", "school", "person.school", None, _O.no_binding, None, _D.typed, obtainable=True),
    Slot("remarks", "remarks", None, None, _O.no_binding, None, _D.blank),
)


def example() -> Measures:
    """What the worked example counts."""
    return application(SLOTS, BASELINE)


def example_document() -> Mapping[str, Any]:
    """Its rates and counts, for machines."""
    measures = example()
    return {
        "definition": DEFINITION,
        "rates": {name: rate.as_dict() for name, rate in rates_of(measures).items()},
        "counts": counts_document(measures),
    }


def counts_document(measures: Measures) -> dict[str, int]:
    """The counts that rates are made of, by name, with the two that follow from others."""
    counted = {name: getattr(measures, name) for name in Measures.__dataclass_fields__}
    return {**counted, "answered": measures.answered, "manual": measures.manual}
