"""The demonstration's main job: every form resolved for several people, under consents they gave for it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from forms.definition import Form
from gateway.consents import RecordConsent, record_consent
from gateway.demo.house import HALL
from gateway.demo.records import City
from gateway.demo.subjects import typical_subjects
from gateway.records import Actor, Caller, CallerRole
from gateway.reports import Rate
from gateway.resolution.commands import Delivery, ResolveCommand
from gateway.resolution.compiled import CompiledForm, compile_form
from gateway.resolution.pipeline import resolve
from gateway.runtime import Runtime

CALLER = Caller("demo-hall", HALL, frozenset({CallerRole.renderer.value, CallerRole.consent_desk.value}))
FIRST = "vehicle-annual-review"
PATIENCE_SECONDS = 3.0

Payload = Mapping[str, Any]
Cast = Mapping[str, Payload]


@dataclass(frozen=True, slots=True)
class Told:
    """One form, resolved for its people. `first`: the answer for the first of them, masked."""

    form: Form
    people: int
    first: Mapping[str, Any]

    @property
    def counts(self) -> Mapping[str, Any]:
        """The counts of the first person's application."""
        counts: Mapping[str, Any] = self.first["counts"]
        return counts

    def rates(self) -> dict[str, Rate]:
        """M1 and M3 of the first person's application (rates/1)."""
        counts = self.counts
        return {
            "M1": Rate(counts["mapped"], counts["eligible"]),
            "M3": Rate(counts["filled"], counts["eligible"]),
        }

    def row(self) -> dict[str, Any]:
        """The form for machines (contract, section 5)."""
        shown = {name: self.counts[name] for name in ("fields", "eligible", "filled", "by_outcome")}
        rates = {name: rate.as_dict() for name, rate in self.rates().items()}
        return {"id": self.form.id, "version": self.form.version, "people": self.people, **shown, **rates}


async def tell(city: City, runtime: Runtime, *, most: int) -> AsyncIterator[Told]:
    """Every published form, the vehicle review first, each resolved for at most that many casts of people."""
    names = sorted(runtime.library.published.forms, key=lambda name: (name != FIRST, name))
    for name in names:
        form = await runtime.library.form(name, None)
        casts = typical_subjects(city, form)[:most]
        answers = await asyncio.gather(*(fill(form, cast, runtime) for cast in casts))
        yield Told(form, len(casts), answers[0])


async def fill(form: Form, cast: Cast, runtime: Runtime) -> Mapping[str, Any]:
    """The form filled for these people, who agree to everything it wants to fetch; values masked."""
    compiled = runtime.library.compiled(form, compile_form)
    consents = [await agree(compiled, role, subject, runtime) for role, subject in cast.items()]
    command = ResolveCommand(
        form_id=form.id,
        version=form.version,
        caller=CALLER,
        actor=Actor("clerk", "demo-clerk"),
        patience_seconds=PATIENCE_SECONDS,
        subjects=cast,
        consents=tuple(consent for consent in consents if consent),
        delivery=Delivery.masked,
        case=f"demo-{form.id}",
    )
    answer: Mapping[str, Any] = orjson.loads((await resolve(command, runtime)).body)
    return answer


async def agree(compiled: CompiledForm, role: str, subject: Payload, runtime: Runtime) -> str | None:
    """The id of a consent to everything the form may fetch about that role; None when it fetches nothing."""
    items = consent_items(compiled, role)
    if not items:
        return None
    now = runtime.clock()
    body = consent_body(compiled, role, items)
    command = RecordConsent(
        subject=subject,
        purpose=compiled.form.purpose,
        items=dict.fromkeys(items, True),
        recipients=(HALL,),
        expires_at=now + timedelta(hours=24),
        channel="window",
        record=body,
        form=compiled.form.id,
    )
    recorded = await record_consent(command, CALLER, runtime)
    consent_id: str = recorded["id"]
    return consent_id


def consent_items(compiled: CompiledForm, role: str) -> tuple[str, ...]:
    """The items the form may fetch about a role, in form order."""
    return tuple(dict.fromkeys(want.item.id for want in compiled.wanted if want.role == role))


def consent_body(compiled: CompiledForm, role: str, items: Sequence[str]) -> dict[str, Any]:
    """What is kept of a consent beside its terms: the notice as rendered and how it was agreed to."""
    names = "、".join(compiled.registry.items[item].name for item in items)
    notice = (
        f"为办理“{compiled.form.name}”，{HALL}将从数据所在部门调取：{names}。您可以拒绝，也可以随时撤回。"
    )
    return {
        "case": f"demo-{compiled.form.id}",
        "items": [{"item": item, "permit": True} for item in items],
        "max_uses": None,
        "mode": "view",
        "grantor_role": "self" if role == "applicant" else "agent",
        "notice": {
            "id": f"demo-{compiled.form.id}",
            "version": 1,
            "language": "zh-CN",
            "rendered_sha256": hashlib.sha256(notice.encode()).hexdigest(),
            "shown_at": "2026-01-01T00:00:00Z",
            "channel": "window",
        },
        "evidence": {
            "method": "signature_pad",
            "identity_provider": None,
            "assurance": None,
            "authenticated_at": None,
            "witness": "demo-clerk",
        },
    }
