"""The evidence of a link: sealed under the keys of both documents, so that erasing either makes it unreadable."""

import hashlib
from datetime import datetime
from typing import Any

import orjson

from gateway.audit.entries import rfc3339
from gateway.identities.commands import LinkEvidence
from gateway.records import IdentityLink, SubjectKey
from gateway.runtime import Runtime

_TABLE, _COLUMN = "identity_link", "sealed"


def evidence_document(evidence: LinkEvidence) -> dict[str, str]:
    """The evidence as it is kept and shown."""
    return {
        "kind": evidence.kind.value,
        "reference": evidence.reference,
        "checked_by": evidence.checked_by,
        "checked_at": rfc3339(evidence.checked_at),
        "presence": evidence.presence.value,
    }


def digest(evidence: LinkEvidence) -> str:
    """SHA-256 of the evidence as it is kept: logged beside the link, so that no other can take its place."""
    return hashlib.sha256(orjson.dumps(evidence_document(evidence))).hexdigest()


def seal_evidence(evidence: LinkEvidence, link_id: str, runtime: Runtime, key: SubjectKey | None) -> bytes:
    """The evidence for the row of that link."""
    text = orjson.dumps(evidence_document(evidence))
    return runtime.sealer.seal(text, table=_TABLE, column=_COLUMN, row=link_id, key=key)


def key_of(refs: tuple[str, str], keys: dict[str, SubjectKey], runtime: Runtime) -> SubjectKey | None:
    """The key of both documents together; None where one has none, and the root's has to do."""
    return runtime.keys.together([keys[ref] for ref in refs]) if all(ref in keys for ref in refs) else None


def view(link: IdentityLink, runtime: Runtime) -> dict[str, Any]:
    """A link as those see it whom it concerns; its evidence is null once one of the documents was erased."""
    return {
        "id": link.id,
        "state": state_of(link),
        "subject": {"ref": link.to_ref, "kind": link.kind},
        "other": {"ref": link.from_ref, "kind": link.kind},
        "evidence": _evidence(link, runtime),
        "department": link.department,
        "recorded_at": _told(link.at),
        "entry": link.entry_id,
        "ended_at": _told(link.ended_at),
        "ended_entry": link.ended_entry,
    }


def state_of(link: IdentityLink) -> str:
    """linked, contested (a claim beside somebody else's link) or ended."""
    if link.ended_at is not None:
        return "ended"
    return "contested" if link.is_claim else "linked"


def _evidence(link: IdentityLink, runtime: Runtime) -> dict[str, str] | None:
    if not link.sealed:
        return None
    opened = {ref: runtime.keys.open(wrapped, ref) for ref, wrapped in link.wrapped_keys.items()}
    keys = {ref: key for ref, key in opened.items() if key is not None}
    key = key_of((link.from_ref, link.to_ref), keys, runtime)
    text = runtime.sealer.open(link.sealed, table=_TABLE, column=_COLUMN, row=link.id, key=key)
    evidence: dict[str, str] = orjson.loads(text)
    return evidence


def _told(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
