"""One use of a subject's data, in names a person understands; and the same for machines. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.audit.entries import rfc3339


@dataclass(frozen=True, slots=True)
class UsedItem:
    """One item that a use was about. `source`: its name, "" for consents. `reason`: why it was not asked for, or ""."""

    id: str
    name: str
    source: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class UsedGround:
    """What a use stood on. `id`: of the consent, or the duty's code. `rule`, `citation`: for whoever checks it."""

    kind: str
    id: str
    rule: str
    citation: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a use. `code`: a key of `RESULTS`. `fields`: how many were given out.

    `withheld`: items that were fetched and not given out; `reasons`: why. `silent`: outcome code → fields that stayed
    empty. `until`, `recipients`, `denied`: of a consent.
    """

    code: str
    text: str
    fields: int | None = None
    withheld: tuple[UsedItem, ...] = ()
    reasons: tuple[str, ...] = ()
    silent: Mapping[str, int] = field(default_factory=dict, hash=False)
    until: str = ""
    recipients: tuple[str, ...] = ()
    denied: tuple[UsedItem, ...] = ()


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a subject's data. `items`: asked for; `refused`: wanted and not asked for, each with its reason.

    `kind`: "use", "reread", or the kind of the entry. `roles`: what the subject is called on the form.
    """

    at: datetime
    kind: str
    entry: str
    who: str
    department: str
    result: Result
    actor: str = ""
    matter: str = ""
    form: str = ""
    roles: tuple[str, ...] = ()
    items: tuple[UsedItem, ...] = ()
    refused: tuple[UsedItem, ...] = ()
    ground: tuple[UsedGround, ...] = ()


def as_document(use: Use) -> dict[str, Any]:
    """One use for machines."""
    result = use.result
    return {
        "at": rfc3339(use.at),
        "kind": use.kind,
        "who": use.who,
        "department": use.department,
        "actor": use.actor or None,
        "matter": use.matter or None,
        "form": use.form or None,
        "roles": list(use.roles),
        "items": [{"id": each.id, "name": each.name, "source": each.source or None} for each in use.items],
        "refused": [
            {"id": each.id, "name": each.name, "source": each.source or None, "reason": each.reason}
            for each in use.refused
        ],
        "ground": [
            {"kind": each.kind, "id": each.id, "rule": each.rule or None, "citation": each.citation or None}
            for each in use.ground
        ],
        "result": {
            "code": result.code,
            "text": result.text,
            "fields": result.fields,
            "withheld": [{"id": each.id, "name": each.name} for each in result.withheld],
            "reasons": list(result.reasons),
            "not_obtained": dict(result.silent),
        },
        "entry": use.entry,
    }
