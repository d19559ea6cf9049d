"""The demonstration's main job: every form resolved for several people, under consents they gave for it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from field_registry import subject_from
from forms.definition import Form
from gateway.consents import RecordConsent, record_consent
from gateway.consents.commands import Act, Evidence, Notice, Relationship
from gateway.demo.house import HALL
from gateway.demo.records import City
from gateway.demo.subjects import typical_subjects
from gateway.records import Actor, Caller, CallerRole
from gateway.reports import Rate
from gateway.resolution.commands import Delivery, ResolveCommand
from gateway.resolution.compiled import CompiledForm, compile_form
from gateway.resolution.pipeline import resolve
from gateway.runtime import Runtime
from policies.minors import is_child

CALLER = Caller("demo-hall", HALL, frozenset({CallerRole.renderer.value, CallerRole.consent_desk.value}))
FIRST = "vehicle-annual-review"
PATIENCE_SECONDS = 3.0
_PROOFS = {"agent": "power_of_attorney", "guardian": "birth_certificate"}

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
    command = consent_command(compiled, role, subject, items, runtime.clock())
    recorded = await record_consent(command, CALLER, runtime)
    consent_id: str = recorded["id"]
    return consent_id


def consent_items(compiled: CompiledForm, role: str) -> tuple[str, ...]:
    """The items the form may fetch about a role, in form order."""
    return tuple(dict.fromkeys(want.item.id for want in compiled.wanted if want.role == role))


def consent_command(
    compiled: CompiledForm, role: str, subject: Payload, items: Sequence[str], now: datetime
) -> RecordConsent:
    """A consent as a window records it: the notice as shown, a separate act for what needs one, the clerk as witness.

    It counts once and for a day. For everybody but the applicant an agent agrees, who shows by what right; for a child
    its guardian.
    """
    names = "、".join(compiled.registry.items[item].name for item in items)
    notice = (
        f"为办理“{compiled.form.name}”，{HALL}将从数据所在部门调取：{names}。您可以拒绝，也可以随时撤回。"
    )
    as_whom = "self" if role == "applicant" else "agent"
    topics = ["sensitive"] if as_whom == "self" else ["sensitive", "third_party"]
    if is_child(subject_from(subject), now):
        as_whom, topics = "guardian", ["sensitive", "minor"]
    topics.append("others")  # where nothing tells of other people, an act too many harms nobody
    return RecordConsent(
        subject=subject,
        purpose=compiled.form.purpose,
        items=dict.fromkeys(items, True),
        recipients=(HALL,),
        expires_at=now + timedelta(hours=24),
        notice=Notice(
            id=f"demo-{compiled.form.id}",
            version=1,
            language="zh-CN",
            rendered_sha256=hashlib.sha256(notice.encode()).hexdigest(),
            shown_at=now,
            channel="window",
        ),
        evidence=Evidence("signature_pad", witness="demo-clerk"),
        form=compiled.form.id,
        case=f"demo-{compiled.form.id}",
        grantor_role=as_whom,
        relationship=None
        if as_whom == "self"
        else Relationship(_PROOFS[as_whom], f"demo-{compiled.form.id}"),
        acts=tuple(Act(topic, f"demo-{topic}", now) for topic in topics),
    )
