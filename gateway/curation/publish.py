"""Publishing: a registry, a policy or a form becomes the next immutable version, and an entry says so.

Publishing what is in force already changes nothing: equal content has an equal digest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from field_registry import Registry
from field_registry.document import digest, to_document
from forms.definition import Form
from forms.document import to_document as form_to_document
from gateway.audit.entries import canonical, make_entry
from gateway.ports import NewReference, Store
from gateway.records import Entry, EntryKind, FormPublication, Publication
from policies import Policy
from policies.document import policy_to_document


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who publishes, when, and where to."""

    store: Store
    by: str
    now: datetime
    new_reference: NewReference
    effective_from: date | None = None

    async def registry(self, registry: Registry) -> tuple[int, bool]:
        """The version the registry has now, and whether it is new."""
        return await self._publish("registry", to_document(registry), EntryKind.registry_published)

    async def policy(self, policy: Policy) -> tuple[int, bool]:
        """The version the policy has now, and whether it is new."""
        return await self._publish("policy", policy_to_document(policy), EntryKind.policy_published)

    async def form(self, form: Form) -> bool:
        """Whether the form's version is new. Raises `Conflict` when that version exists with other content."""
        document = canonical(form_to_document(form))
        fingerprint = digest(form_to_document(form))
        if await self._is_published(form, fingerprint):
            return False
        facts = {"form": [form.id, form.version], "digest": fingerprint}
        published = FormPublication(
            id=form.id,
            version=form.version,
            name=form.name,
            matter=form.matter,
            department=form.department,
            digest=fingerprint,
            published_at=self.now,
            published_by=self.by,
            document=document,
        )
        await self.store.forms.publish(published, self._entry(EntryKind.form_published, facts))
        return True

    async def _is_published(self, form: Form, fingerprint: str) -> bool:
        newest = (await self.store.forms.current()).get(form.id, 0)
        if form.version > newest:
            return False
        return (await self.store.forms.load(form.id, form.version)).digest == fingerprint

    async def _publish(self, kind: str, document: Mapping[str, Any], entry: EntryKind) -> tuple[int, bool]:
        content = {name: value for name, value in document.items() if name != "version"}
        fingerprint = digest(content)
        newest = await self.store.publications.latest(kind, date.max)
        if newest is not None:
            current = await self.store.publications.load(kind, newest)
            if current.digest == fingerprint:
                return newest, False
        version = (newest or 0) + 1
        published = Publication(
            kind, version, fingerprint, self.effective_from, self.now, self.by, canonical(content)
        )
        facts = {"version": version, "digest": fingerprint}
        await self.store.publications.publish(published, self._entry(entry, facts))
        return version, True

    def _entry(self, kind: EntryKind, facts: Mapping[str, Any]) -> Entry:
        entry_id = self.new_reference("aud", self.now)
        return make_entry(entry_id, kind, self.now, caller=self.by, request=None, facts=facts)
