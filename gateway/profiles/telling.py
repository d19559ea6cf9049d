"""One kept value as it is told: codes for machines, names for people. Pure."""

from typing import Any

from gateway.audit.entries import rfc3339
from gateway.library import Published
from gateway.profiles.service import Shown
from gateway.records import ProfileValue


def as_document(shown: Shown, published: Published, *, is_english: bool = False) -> dict[str, Any]:
    """The value as `GET /v1/me/profile` answers it."""
    kept = shown.kept
    return {
        "item": kept.item,
        "name": _name(shown, is_english=is_english),
        "value": shown.value,
        "display": shown.display,
        "given_at": rfc3339(kept.given_at),
        "expires_at": rfc3339(kept.expires_at),
        "purpose": _purpose(kept.purpose, published, is_english=is_english),
        "form": kept.form or None,
        "submission": kept.submission_id,
        "differs_from": _difference(kept, published, is_english=is_english),
    }


def _name(shown: Shown, *, is_english: bool) -> str:
    item = shown.item
    if item is None:
        return shown.kept.item
    return (is_english and item.name_en) or item.name


def _purpose(code: str, published: Published, *, is_english: bool) -> dict[str, str] | None:
    if not code:
        return None
    purpose = published.policy.purposes.get(code)
    name = code if purpose is None else (is_english and purpose.name_en) or purpose.name
    return {"code": code, "name": name}


def _difference(kept: ProfileValue, published: Published, *, is_english: bool) -> dict[str, Any] | None:
    if kept.differs_from is None or kept.differs_at is None:
        return None
    source = published.registry.sources.get(kept.differs_from)
    name, department = (source.name, source.department) if source else (kept.differs_from, "")
    if source is not None and is_english:
        name, department = source.name_en or name, source.department_en or department
    told = {"id": kept.differs_from, "name": name, "department": department}
    return {"source": told, "retrieved_at": rfc3339(kept.differs_at)}
