"""Everything a notice says, as data that is kept with the request: what is published later changes no notice."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from forms.definition import Form
from gateway.consents.ask_command import AskConsent
from gateway.consents.asked_items import AskedItem
from gateway.consents.grantors import is_for_another_person
from gateway.consents.request_rules import Sides
from gateway.records import Caller
from gateway.runtime import Runtime
from policies import Purpose
from policies.minors import is_child

TOPICS = ("sensitive", "others", "third_party", "minor")
"""What is agreed to separately, each in an act of its own (PIPL art. 29, 23, 31).

`others`: that information about other people is fetched; `third_party`: that it is passed on to others.
"""


def notice_facts(
    command: AskConsent,
    form: Form,
    sides: Sides,
    items: Sequence[AskedItem],
    caller: Caller,
    runtime: Runtime,
) -> dict[str, Any]:
    """What the notice of this request is rendered from."""
    role, subject = sides.role, sides.subject
    now, published = runtime.clock(), runtime.library.published
    english = {source.department: source.department_en for source in published.registry.sources.values()}
    purpose = published.policy.purposes.get(form.purpose) or Purpose(form.purpose, form.purpose)
    outside = [each for each in command.recipients if each != caller.department]
    return {
        "controller": {
            "name": caller.department,
            "name_en": english.get(caller.department) or caller.department,
            "contact": runtime.settings.contacts.get(caller.department, ""),
        },
        "form": _named(form, id=form.id, version=form.version, matter=form.matter),
        "purpose": _named(purpose, code=purpose.code, citation=purpose.citation),
        "role": {"name": role.name, "label": role.label, "label_en": role.label_en or role.label},
        "items": [_item(item) for item in items],
        "recipients": list(command.recipients),
        "outside_recipients": outside,
        "is_child": is_child(subject, now),
        "by_agent": is_for_another_person(command.grantor_role, subject, now),
        "quiet_seconds": int(runtime.settings.consent_refusal_quiet.total_seconds()),
        **_terms(command),
    }


def topics_of(facts: Mapping[str, Any], permitted: Collection[str]) -> tuple[str, ...]:
    """What has to be agreed to separately when these items are permitted; empty when nothing is."""
    items = [item for item in facts["items"] if item["item"] in permitted]
    needed = {
        "sensitive": any(item["is_sensitive"] for item in items),
        "others": any(item["names_others"] for item in items),
        "third_party": facts["outside_recipients"] or facts["by_agent"],
        "minor": facts["is_child"],
    }
    return tuple(topic for topic in TOPICS if items and needed[topic])


def _named(thing: Form | Purpose, **more: Any) -> dict[str, Any]:
    return {**more, "name": thing.name, "name_en": thing.name_en or thing.name}


def _terms(command: AskConsent) -> dict[str, Any]:
    often, data_life = command.frequency, command.data_life
    return {
        "case": command.case,
        "grantor_role": command.grantor_role,
        "mode": command.mode,
        "life_seconds": int(command.life.total_seconds()),
        "max_uses": command.max_uses,
        "frequency": often and {"count": often[0], "per_seconds": int(often[1].total_seconds())},
        "data_life_seconds": data_life and int(data_life.total_seconds()),
    }


def _item(item: AskedItem) -> dict[str, Any]:
    return {
        **asdict(item),
        "share": item.share.value,
        "sources": [{"department": name, "department_en": english} for name, english in item.sources],
        "fields": [{"label": label, "label_en": english} for label, english in item.fields],
    }
