"""Step 11, shape: outcomes become the answer of contract section 4, as JSON-ready data. Pure.

A field carries either a value with its provenance, ground and rule, or the reason why it must still be asked, with a
sentence in the caller's language and who can do something about it. Never both, never a value without provenance.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from field_registry import Item, OutcomeCode, Provenance, Source
from field_registry.display import display_of
from field_registry.items import Datatype
from field_registry.outcomes import OUTCOME_TEXTS, Tier
from forms.bind import ALREADY_ANSWERED
from forms.outcomes import Counts, FieldOutcome
from gateway.resolution.again import GROUND, LAST_APPLICATION, RULE
from gateway.resolution.commands import Delivery, ResolveCommand
from gateway.resolution.compiled import CompiledForm
from gateway.resolution.sealed import sealed_part
from gateway.resolution.settle import Reoffered, Settled
from policies import Decision, Ground, ReasonCode
from policies.mask import mask
from policies.minimise import ALREADY_ANSWERED as NOT_ASKED
from policies.reasons import sentence_of
from policies.rejudge import distinct

# Reading `.value` of an enum is a Python call; these are dictionary look-ups.
_WORDS: dict[str, str] = {word: word.value for word in (*OutcomeCode, *Tier)}
_LOCKED_TIERS = frozenset({Tier.A, Tier.B})
_STALE = OutcomeCode.filled_stale


def shape(
    settled: Settled, command: ResolveCommand, *, ids: Mapping[str, str], valid_until: datetime
) -> dict[str, Any]:
    """The answer. `ids`: `resolution`, `receipt` and `entry` references."""
    compiled = settled.plan.compiled
    view = _View(settled, command)
    answer = {
        "id": ids["resolution"],
        "form": {"id": compiled.form.id, "version": compiled.form.version},
        "registry_version": compiled.registry.version,
        "valid_until": _instant(valid_until),
        "fields": view.fields(),
        "counts": _counts(settled.counts),
        "receipt": {"id": ids["receipt"], "entry": ids["entry"]},
        "findings": [finding.to_document() for finding in (*settled.plan.findings, *settled.filled.findings)],
        **({} if settled.again is None else {"again": _begun_again(settled.again)}),
    }
    if command.delivery is Delivery.sealed:
        about = {"department": command.caller.department, "case": command.case}
        answer["sealed"] = sealed_part(answer, settled, command.sealing, about)
    return answer


class _View:
    """How this caller sees outcomes: language and delivery."""

    def __init__(self, settled: Settled, command: ResolveCommand) -> None:
        self._settled = settled
        self._compiled: CompiledForm = settled.plan.compiled
        self._items = self._compiled.registry.items
        self._masked = command.delivery is not Delivery.values
        self._english = command.language == "en"
        # The same in every answer of this form.
        self._sources: dict[str, dict[str, str]] = self._compiled.kept.setdefault(
            "sources in English" if self._english else "sources", {}
        )
        self._grounds: dict[int, dict[str, Any]] = {}
        self._instants: dict[datetime, str] = {}
        self._decisions, self._chosen = settled.decisions, settled.combined.chosen
        self._key_of = self._compiled.key_of
        self._shown_as_is = frozenset[str]() if self._masked else self._compiled.shown_as_is
        self._alike: dict[tuple[int, int], dict[str, Any]] = {}
        self._last: tuple[Provenance | None, Decision | None, dict[str, Any]] = (None, None, {})
        """What the field before this one was told by: mostly this one is, too."""
        once = tuple(distinct(self._decisions))
        self._only = once[0] if len(once) == 1 else None
        """The decision on every ask, where there is but one: mostly."""

    def fields(self) -> dict[str, dict[str, Any]]:
        """Every field of the answer, by its path."""
        fields, again = {}, self._settled.again
        for outcome in self._settled.filled.outcomes:
            path, provenance = outcome.path, outcome.provenance
            if provenance is None:
                fields[path] = self._missing(outcome)
            elif again is not None and path in again.offered:
                fields[path] = self._offered_again(outcome, provenance)
            else:
                fields[path] = self._filled(outcome, provenance)
        if again is not None:
            for path in again.changed & fields.keys():
                fields[path]["changed"] = True
        return fields

    def _filled(self, outcome: FieldOutcome, provenance: Provenance) -> dict[str, Any]:
        field, value = outcome.field, outcome.value
        decision = self._only or self._decisions[self._chosen[self._key_of[field.path]]]
        record, ground, alike = self._last
        if record is not provenance or ground is not decision:
            known = self._alike.get((id(provenance), id(decision)))
            alike = self._told_alike(outcome.path, provenance, decision) if known is None else known
            self._last = provenance, decision, alike
        told = alike.copy()
        told["item"] = item_id = field.item
        if type(value) is str and item_id in self._shown_as_is:
            told["value"] = told["display"] = value  # nearly all: spared the calls
        else:
            self._show(told, self._items[item_id or ""], value)
        if field.locked is not None:
            told["locked"] = field.locked
        if outcome.outcome is _STALE:
            told["outcome"], told["stale"] = _WORDS[_STALE], True
        return told

    def _show(self, told: dict[str, Any], item: Item, value: Any) -> None:
        display = display_of(item, value, self._compiled.code_list_of(item))
        told["value"] = None if self._masked else value
        told["display"] = _masked(item, display) if self._masked else display

    def _offered_again(self, outcome: FieldOutcome, provenance: Provenance) -> dict[str, Any]:
        """A value that the person typed then: like any other of tier C, but that no source gave it."""
        item = self._items.get(outcome.field.item or "")
        value, display = outcome.value, str(outcome.value)
        if item is not None:
            display = display_of(item, value, self._compiled.code_list_of(item))
        if self._masked:
            display = mask("full", display) if item is None else _masked(item, display)
        return {
            "outcome": _WORDS[outcome.outcome],
            "value": None if self._masked else value,
            "display": display,
            "tier": _WORDS[provenance.tier],
            "locked": False,
            "item": outcome.field.item,
            "source": LAST_SOURCE_EN if self._english else LAST_SOURCE,
            "recorded_at": provenance.recorded_at.isoformat() if provenance.recorded_at else None,
            "retrieved_at": self._instant(provenance.retrieved_at),
            "stale": False,
            "ground": _ground(GROUND),
            "rule": RULE,
        }

    def _told_alike(self, path: str, provenance: Provenance, decision: Decision) -> dict[str, Any]:
        """What all values of one record under one decision say alike, in the order of the contract."""
        if decision.ground is None:
            raise AssertionError(f"{path}: a value without ground")  # a broken promise
        told = self._alike[id(provenance), id(decision)] = {
            "outcome": _WORDS[OutcomeCode.filled],
            "value": None,
            "display": None,
            "tier": _WORDS[provenance.tier],
            "locked": provenance.tier in _LOCKED_TIERS,
            "item": None,
            "source": self._source(provenance.source),
            "recorded_at": _day(provenance.recorded_at) if provenance.recorded_at else None,
            "retrieved_at": self._instant(provenance.retrieved_at),
            "stale": False,
            "ground": self._grounds.get(id(decision)) or self._ground_of(decision, decision.ground),
            "rule": decision.rule,
        }
        return told

    def _ground_of(self, decision: Decision, ground: Ground) -> dict[str, Any]:
        told = self._grounds[id(decision)] = _ground(ground)
        return told

    def _missing(self, outcome: FieldOutcome) -> dict[str, Any]:
        text = OUTCOME_TEXTS[outcome.outcome]
        place = self._settled.place_of(outcome)
        decision = None if place is None else self._settled.decisions[place]
        source = None if place is None else self._settled.plan.asks[place].binding.source
        return {
            "outcome": _WORDS[outcome.outcome],
            "value": None,
            "message": self._message(outcome),
            "reason": outcome.reason or None,
            "retry": text.retry,
            "fixed_by": text.fixed_by.value,
            "answered": outcome.answered,
            "item": outcome.field.item,
            "source": self._source(source) if source else None,
            "rule": self._rule(outcome, decision),
        }

    @staticmethod
    def _rule(outcome: FieldOutcome, decision: Decision | None) -> str | None:
        if outcome.reason == ALREADY_ANSWERED and outcome.outcome is OutcomeCode.no_ground:
            return NOT_ASKED.rule
        return decision.rule if decision else None

    def _message(self, outcome: FieldOutcome) -> str:
        text = OUTCOME_TEXTS[outcome.outcome]
        zh, en = text.zh, text.en
        if outcome.reason == ALREADY_ANSWERED:
            zh, en = sentence_of(ReasonCode.already_answered)
        elif outcome.outcome in _EXPLAINED and outcome.reason in _REASONS:
            zh, en = sentence_of(ReasonCode(outcome.reason))
        return en if self._english else zh

    def _instant(self, moment: datetime) -> str:
        """The same for every source of an answer, so written once."""
        return self._instants.get(moment) or self._instants.setdefault(moment, _instant(moment))

    def _source(self, source_id: str) -> dict[str, str]:
        if source_id not in self._sources:
            self._sources[source_id] = describe_source(
                self._compiled.source(source_id), english=self._english
            )
        return self._sources[source_id]


LAST_SOURCE = {"id": LAST_APPLICATION, "name": "上次申请", "department": ""}
LAST_SOURCE_EN = {**LAST_SOURCE, "name": "Last application"}
"""Where the person's own words of then come from, as callers see it."""


def _begun_again(again: Reoffered) -> dict[str, Any]:
    return {
        "submission": again.submission_id,
        "offered": sorted(again.offered),
        "changed": sorted(again.changed),
    }


_EXPLAINED = frozenset({OutcomeCode.no_ground, OutcomeCode.refused_by_person, OutcomeCode.disputed})
_REASONS = frozenset(reason.value for reason in ReasonCode)


def describe_source(source: Source, *, english: bool = False) -> dict[str, str]:
    """A source as callers see it: id, name, department. Nothing of its configuration."""
    name, department = source.name, source.department
    if english:
        name, department = source.name_en or name, source.department_en or department
    return {"id": source.id, "name": name, "department": department}


def _ground(ground: Ground) -> dict[str, Any]:
    seen = {"kind": str(ground.kind), "id": ground.id}
    return {**seen, "citation": ground.citation} if ground.citation else seen


def _masked(item: Item, display: str) -> str:
    return mask(item.mask or ("full" if item.datatype is Datatype.rows else ""), display)


def _counts(tally: Counts) -> dict[str, Any]:
    return {
        "fields": tally.fields,
        "eligible": tally.eligible,
        "mapped": tally.mapped,
        "filled": tally.filled,
        "by_outcome": {_WORDS[code]: number for code, number in tally.by_outcome.items()},
    }


@lru_cache(maxsize=4096)
def _day(recorded_at: date) -> str:
    """Remembered: registers repeat the few days on which they changed anything."""
    return recorded_at.isoformat()


def _instant(moment: datetime) -> str:
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return f"{utc.isoformat(timespec='seconds').removesuffix('+00:00')}Z"
