"""What somebody does with a form that was filled for them: keep, correct, dispute, type the rest, or walk away. Pure.

Everything follows from the applicant's own seed, so that the order in which people are served changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from field_registry import Registry
from forms.definition import Field, FieldKind, Form
from forms.visibility import fields_named
from gateway.demo.applicants import Applicant
from gateway.demo.arrivals import load_traffic
from gateway.demo.records import City
from gateway.demo.truth import Typist, misspelt
from gateway.profiles.keepable import refusal_to_keep

_NOT_SHOWN = {"skipped_hidden", "office_use"}
_DISPUTABLE = {"A", "B"}
_TAKES_ONE = {FieldKind.input, FieldKind.consent_box, FieldKind.signature, FieldKind.upload}
_REASONS = ("与证件不一致", "信息已过时，尚未变更", "登记时写错了一个字", "不是我的记录")

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What an applicant will do, whatever comes of it.

    `answers`: what they say before anything is fetched. `refuses`: item ids they do not agree to. `refuses_all`: they
    agree to nothing. `withdraws`: they change their mind before handing in.
    """

    answers: Mapping[str, Any] = field(repr=False)
    refuses: frozenset[str]
    refuses_all: bool
    withdraws: bool
    abandons: bool
    is_test: bool


@dataclass(slots=True)
class HandedIn:
    """What is handed in, path by path. `said`: what was said of one role's item, wherever the form asks for it."""

    values: dict[str, Any] = field(default_factory=dict, repr=False)
    disputes: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    keep: dict[str, str] = field(default_factory=dict)
    said: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)

    def repeats(self, path: str, asked: Field) -> bool:
        """Whether the form has asked for this before: then the same stands in both places."""
        if asked.item is None or asked.group is not None:
            return False
        first = self.said.setdefault((asked.role, asked.item), path)
        if first == path:
            return False
        if first in self.values:
            self.values[path] = self.values[first]
        if first in self.disputes:
            self.disputes[path] = self.disputes[first]
        return True


class Habits:
    """What the city's people do with forms."""

    def __init__(self, city: City, registry: Registry) -> None:
        """`registry`: the one the forms are filled by."""
        self._typist, self._registry, self._today = Typist(city, registry), registry, city.today
        self._shares: Mapping[str, float] = load_traffic()["shares"]

    def plan(self, applicant: Applicant, items: Sequence[str]) -> Plan:
        """What they will do. `items`: everything that the form may fetch about anybody."""
        random = applicant.habits
        refuses = self._does(random, "refuses_items")
        return Plan(
            answers=self._first_answers(applicant.form, random),
            refuses=frozenset(random.sample(sorted(items), min(len(items), 2)) if refuses else ()),
            refuses_all=self._does(random, "refuses_all"),
            withdraws=self._does(random, "withdraws"),
            abandons=self._does(random, "abandons"),
            is_test=self._does(random, "is_test"),
        )

    def hand_in(self, applicant: Applicant, plan: Plan, fields: Mapping[str, Answer]) -> HandedIn:
        """What they hand in. `fields`: the answer's, by path, with values."""
        handed = HandedIn(dict(plan.answers))
        for path, answer in fields.items():
            asked = _field_of(applicant.form, path)
            is_met = asked is not None and path not in plan.answers and answer["outcome"] not in _NOT_SHOWN
            if asked is None or not is_met or asked.kind not in _TAKES_ONE or handed.repeats(path, asked):
                continue
            if answer["value"] is not None:
                self._meet(path, asked, answer, applicant.habits, handed)
            elif not asked.group:
                self._type(path, asked, applicant, handed)
        return handed

    def _meet(self, path: str, asked: Field, answer: Answer, random: Random, handed: HandedIn) -> None:
        """What becomes of a value that was offered."""
        does = {
            name: self._does(random, name) for name in ("disputes", "edits", "clears", "spells_differently")
        }
        if does["disputes"] and answer["tier"] in _DISPUTABLE:
            handed.values[path] = self._typist.invented(asked, asked.item, random)
            handed.disputes[path] = {"reason": random.choice(_REASONS), "evidence": ["居民身份证"]}
        elif does["edits"] and not answer["locked"]:
            handed.values[path] = self._typist.invented(asked, asked.item, random)
        elif not (does["clears"] and not answer["locked"] and not asked.required):
            value = answer["value"]
            handed.values[path] = misspelt(value, random) if does["spells_differently"] else value

    def _type(self, path: str, asked: Field, applicant: Applicant, handed: HandedIn) -> None:
        random = applicant.habits
        if not asked.required and not self._does(random, "answers_optional"):
            return
        subject = applicant.cast.get(asked.role)
        handed.values[path] = self._typist.typed(asked, asked.item, subject, random)
        if subject is not None and self._may_keep(asked.item) and self._does(random, "keeps_for_next_time"):
            handed.keep[path] = "record"

    def _first_answers(self, form: Form, random: Random) -> dict[str, Any]:
        """What the person says before anything is fetched: the questions on which others depend."""
        named = {
            name for each in form.fields if each.visible_when for name in fields_named(each.visible_when)
        }
        answers: dict[str, Any] = {}
        for asked in form.fields:
            if asked.path in named and asked.item is None:
                says = asked.schema.get("type") == "boolean"
                answers[asked.path] = (
                    self._does(random, "says_yes") if says else self._typist.invented(asked, None, random)
                )
        return answers

    def _may_keep(self, item_id: str | None) -> bool:
        """Whether there is a place for it in the person's record; the page asks only then."""
        item = self._registry.items.get(item_id or "")
        return item is not None and refusal_to_keep(item, self._registry, self._today) is None

    def _does(self, random: Random, habit: str) -> bool:
        return random.random() < self._shares[habit]


def _field_of(form: Form, path: str) -> Field | None:
    """The field of a slot, whichever row it stands in."""
    return form.field(".".join(part for part in path.split(".") if not part.isdecimal()))
