"""Forms, items, sources, bindings, entries: what can be looked up."""

from datetime import date, datetime
from typing import Any

from gateway.http.schemas.resolutions import Answered, SourceBody


class FormSummary(Answered):
    """One published form, its newest version."""

    id: str
    version: int
    name: str
    matter: str
    department: str
    published_at: datetime


class FormPage(Answered):
    """One page of forms."""

    forms: list[FormSummary]
    next_cursor: str | None


class FormBody(Answered):
    """One form version: JSON Schema 2020-12 of its answers, its layout, and per field what to expect."""

    id: str
    version: int
    name: str
    name_en: str
    matter: str
    purpose: str
    department: str
    registry_version: int
    roles: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    fields: list[dict[str, Any]]
    layout: list[dict[str, Any]]
    json_schema: dict[str, Any]


class ItemBody(Answered):
    """One item of the registry. `about`: `third_party` where it tells of other people than its subject."""

    id: str
    name: str
    name_en: str
    kind: str
    datatype: str
    code_list: str | None
    department: str
    sensitivity: str
    share: str
    share_citation: str | None
    freshness_days: int | None
    within: str | None
    about: str | None
    bound: bool


class ItemPage(Answered):
    """One page of items."""

    items: list[ItemBody]
    registry_version: int
    next_cursor: str | None


class SourceSummary(SourceBody):
    """One source; nothing of its address or credentials."""

    connector: str
    tier: str
    kinds: list[str]
    timeout_ms: int
    contact: str
    breaker: str


class SourcePage(Answered):
    """One page of sources."""

    sources: list[SourceSummary]
    registry_version: int
    next_cursor: str | None


class BindingBody(Answered):
    """Item → source attribute."""

    item: str
    source: str
    attribute: str
    rank: int
    version: int
    effective_from: date | None
    effective_to: date | None


class BindingPage(Answered):
    """One page of bindings."""

    bindings: list[BindingBody]
    registry_version: int
    next_cursor: str | None


class TraceLine(Answered):
    """Where one field comes from (溯源), also when it comes from nowhere yet."""

    path: str
    label: str
    role: str
    item: str | None
    item_name: str | None
    sources: list[SourceBody]
    attributes: list[str]
    outcome: str | None


class TraceBody(Answered):
    """The trace of a form, field by field."""

    form: str
    version: int
    registry_version: int
    fields: list[TraceLine]
