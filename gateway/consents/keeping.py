"""Keeping the record of a consent: made whole when it is recorded, sealed under its subject's key, and read again.

What is known of the items, and who may be asked for them, is taken from the published registry when the consent is
recorded, never from the caller.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson

from field_registry import Registry
from field_registry.items import About
from gateway.consents.commands import (
    Act,
    Basis,
    Evidence,
    Notice,
    Party,
    RecordConsent,
    Relationship,
    Signature,
)
from gateway.consents.record import AgreedItem, AgreedSource, ConsentRecord, Limits, Parties
from gateway.errors import Gone
from gateway.library import Published
from gateway.records import ConsentEvent, StoredConsent, SubjectKey
from gateway.runtime import Runtime
from policies.consent import ConsentState
from policies.scope import describe, scope_hash

_VERSION = 2
_CAN_EXPIRE = frozenset({ConsentState.given, ConsentState.renewed, ConsentState.paused})


def document_of(
    command: RecordConsent, department: str, published: Published, *, grantor_ref: str | None
) -> dict[str, Any]:
    """Everything to be kept sealed: what was sent, less identifiers, with what the registry says of the items."""
    items = [_agreed(item_id, permit, command, published) for item_id, permit in command.items.items()]
    named = {party.id: party for party in command.contacts}
    purpose = published.policy.purposes[command.purpose]
    citations = command.basis.citations or ((purpose.citation,) if purpose.citation else ())
    return {
        "v": _VERSION,
        "grantor_role": command.grantor_role,
        "grantor_ref": grantor_ref,
        "relationship": command.relationship and asdict(command.relationship),
        "purpose_text": command.purpose_text or purpose.name,
        "case": command.case,
        "items": [asdict(item) for item in items],
        "scope_hash": scope_hash(command.items, published.registry, published.day),
        "controller": asdict(command.controller or Party(department, department)),
        "providers": [asdict(party) for party in _providers(items)],
        "recipients": [asdict(named.get(each) or Party(each, each)) for each in command.recipients],
        "mode": command.mode,
        "max_uses": command.max_uses,
        "basis": asdict(command.basis) | {"citations": list(citations)},
        "notice": asdict(command.notice),
        "acts": [asdict(act) for act in command.acts],
        "evidence": asdict(command.evidence),
        "request": command.request,
    }


def _agreed(item_id: str, permit: bool, command: RecordConsent, published: Published) -> AgreedItem:
    item = published.registry.items[item_id]
    told = describe(item_id, published.registry, published.day) or {}
    return AgreedItem(
        item=item.id,
        permit=permit,
        name=item.name,
        name_en=item.name_en,
        necessity=command.necessity.get(item_id, "optional"),
        sources=tuple(_source(source, rank, published.registry) for rank, source in told.get("sources", ())),
        share=item.share.value,
        sensitivity=item.sensitivity.value,
        about=told.get("about", About.subject.value),
    )


def _source(source_id: str, rank: int, registry: Registry) -> AgreedSource:
    source = registry.sources.get(source_id)
    name, department = (source.name, source.department) if source is not None else (source_id, "")
    return AgreedSource(source_id, rank, name, department)


def _providers(items: list[AgreedItem]) -> list[Party]:
    permitted = (source for item in items if item.permit for source in item.sources)
    names = dict.fromkeys(source.department for source in permitted if source.department)
    return [Party(name, name) for name in names]


# ---------------------------------------------------------------- reading


def record_of(
    stored: StoredConsent, runtime: Runtime, events: tuple[ConsentEvent, ...] = ()
) -> ConsentRecord:
    """The whole record of a stored consent, as it stands now."""
    consent, kept = stored.consent, open_document(stored, runtime)
    purpose = runtime.library.published.policy.purposes.get(consent.purpose)
    return ConsentRecord(
        id=consent.id,
        state=state_at(stored, runtime.clock()),
        subject_ref=stored.subject_ref,
        subject_kind=stored.subject_kind,
        grantor_role=kept["grantor_role"],
        grantor_ref=kept.get("grantor_ref"),
        relationship=_relationship(kept.get("relationship")),
        purpose=consent.purpose,
        purpose_text=kept.get("purpose_text") or (purpose.name if purpose else ""),
        form=consent.form,
        case=kept["case"],
        items=tuple(_item(each) for each in kept["items"]),
        scope_hash=kept.get("scope_hash"),
        parties=_parties(kept, stored),
        limits=_limits(kept, stored),
        basis=_basis(kept.get("basis") or {}),
        notice=Notice(**kept["notice"] | {"shown_at": _moment(kept["notice"]["shown_at"])}),
        acts=tuple(Act(**act | {"at": _moment(act["at"])}) for act in kept.get("acts", ())),
        evidence=_evidence(kept["evidence"]),
        renews=stored.renews,
        request=kept.get("request"),
        recorded_by=stored.recorded_by,
        department=stored.department,
        recorded_at=stored.recorded_at,
        events=events,
    )


def state_at(stored: StoredConsent, now: datetime) -> ConsentState:
    """The state of a consent: `expired` from the moment its period is over, whether or not it was written already."""
    standing = stored.consent.standing
    is_over = standing.state in _CAN_EXPIRE and now >= standing.expires_at
    return ConsentState.expired if is_over else standing.state


def seal_document(
    document: Mapping[str, Any], consent_id: str, runtime: Runtime, key: SubjectKey | None
) -> bytes:
    """The document as it is kept: under the key of its subject."""
    text = orjson.dumps(document)
    return runtime.sealer.seal(text, table="consent", column="sealed", row=consent_id, key=key)


def open_document(stored: StoredConsent, runtime: Runtime) -> dict[str, Any]:
    """What was sealed when it was recorded; raises `CannotOpen` when it was altered or moved, `Gone` once erased."""
    if not stored.sealed:
        raise Gone("subject_erased", "The subject of this consent was erased, and what was agreed with it.")
    key = runtime.keys.open(stored.wrapped_key, stored.subject_ref)
    opened = runtime.sealer.open(
        stored.sealed, table="consent", column="sealed", row=stored.consent.id, key=key
    )
    document: dict[str, Any] = orjson.loads(opened)
    return document


def document_digest(stored: StoredConsent, runtime: Runtime) -> str:
    """SHA-256 of the record as it is kept: to be logged beside its giving, so that no other can take its place."""
    return hashlib.sha256(orjson.dumps(open_document(stored, runtime))).hexdigest()


def _item(kept: Mapping[str, Any]) -> AgreedItem:
    sources = tuple(AgreedSource(**source) for source in kept.get("sources", ()))
    return AgreedItem(**{**kept, "sources": sources})


def _parties(kept: Mapping[str, Any], stored: StoredConsent) -> Parties:
    controller, recipients = kept.get("controller"), kept.get("recipients")
    return Parties(
        controller=controller and Party(**controller),
        providers=tuple(Party(**party) for party in kept.get("providers", ())),
        recipients=(
            tuple(Party(each, each) for each in sorted(stored.consent.recipients))
            if recipients is None
            else tuple(Party(**party) for party in recipients)
        ),
    )


def _relationship(kept: Mapping[str, Any] | None) -> Relationship | None:
    if kept is None:
        return None
    return Relationship(kept["kind"], kept["reference"], _moment(kept["checked_at"]))


def _moment(text: Any) -> Any:
    return None if text is None else datetime.fromisoformat(text)


def _limits(kept: Mapping[str, Any], stored: StoredConsent) -> Limits:
    standing = stored.consent.standing
    return Limits(
        not_before=standing.not_before,
        expires_at=standing.expires_at,
        mode=kept["mode"],
        max_uses=kept["max_uses"],
        uses_left=standing.uses_left,
        frequency=standing.frequency,
        data_life=stored.consent.data_life,
    )


def _basis(kept: Mapping[str, Any]) -> Basis:
    return Basis(
        kept.get("kind", "consent"), tuple(kept.get("citations", ())), kept.get("impact_assessment_ref")
    )


def _evidence(kept: Mapping[str, Any]) -> Evidence:
    signatures = tuple(Signature(**each) for each in kept.get("signatures", ()))
    at = _moment(kept.get("authenticated_at"))
    return Evidence(**{**kept, "authenticated_at": at, "signatures": signatures})
