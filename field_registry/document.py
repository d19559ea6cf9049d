"""A registry as one JSON document: what the database stores for a published version, and what a digest names.

The document says everything explicitly, so that a later change of a default never changes a published version; read
back, keys it lacks take today's defaults. Its entries have the shape of the YAML files (schema/registry.schema.json).
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any

import orjson

from field_registry.bindings import Binding, Transform
from field_registry.codes import CodeList
from field_registry.items import About, Datatype, Item, Sensitivity, ShareAttribute
from field_registry.located import parse_duration, without_collection
from field_registry.outcomes import Tier
from field_registry.registry import Registry
from field_registry.sources import MaintenanceWindow, Source
from field_registry.subjects import SubjectKind

Entry = Mapping[str, Any]


def to_document(registry: Registry) -> dict[str, Any]:
    """The whole content of a registry, JSON-ready, in the registry's own order; its version is not part of it."""
    return {
        "items": [item_entry(item) for item in registry.items.values()],
        "sources": [source_entry(source) for source in registry.sources.values()],
        "bindings": [binding_entry(binding) for binding in registry.bindings],
        "code_lists": [code_list_entry(codes) for codes in registry.code_lists.values()],
    }


def from_document(version: int, document: Entry) -> Registry:
    """The registry that `to_document` wrote, under that version. Trusts its shape: only for stored documents."""
    with without_collection():
        return Registry.of(
            version,
            items=map(item_from, document["items"]),
            sources=map(source_from, document["sources"]),
            bindings=map(binding_from, document["bindings"]),
            code_lists=map(code_list_from, document.get("code_lists", ())),
        )


def digest(document: Entry) -> str:
    """The SHA-256 of the document in canonical JSON (keys sorted, no white space), as 64 hex digits."""
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()


def item_entry(item: Item) -> dict[str, Any]:
    """One item as an entry, every key given."""
    return {
        "id": item.id,
        "name": item.name,
        "name_en": item.name_en,
        "kind": item.kind.value,
        "datatype": item.datatype.value,
        "department": item.department,
        "code_list": item.code_list,
        "sensitivity": item.sensitivity.value,
        "share": item.share.value,
        "share_citation": item.share_citation,
        "freshness": None if item.freshness is None else duration_text(item.freshness),
        "unit": item.unit,
        "scale": item.scale,
        "max_length": item.max_length,
        "mask": item.mask,
        "compare": item.compare,
        "within": item.within,
        "synonyms": list(item.synonyms),
        "about": item.about and item.about.value,
    }


def item_from(entry: Entry) -> Item:
    """The item an entry means; ValueError or KeyError when its shape is wrong."""
    get = entry.get
    freshness = get("freshness")
    return Item(
        id=entry["id"],
        name=entry["name"],
        kind=SubjectKind(entry["kind"]),
        datatype=Datatype(entry["datatype"]),
        department=entry["department"],
        name_en=get("name_en") or "",
        code_list=get("code_list"),
        sensitivity=Sensitivity(get("sensitivity") or "personal"),
        share=ShareAttribute(get("share") or "conditional"),
        share_citation=get("share_citation"),
        freshness=None if freshness is None else _duration(freshness),
        unit=get("unit"),
        scale=get("scale", 2),
        max_length=get("max_length", 200),
        mask=get("mask") or "",
        compare=get("compare", False),
        within=get("within"),
        synonyms=tuple(get("synonyms") or ()),
        about=About(entry["about"]) if get("about") else None,
    )


def source_entry(source: Source) -> dict[str, Any]:
    """One source as an entry, every key given."""
    return {
        "id": source.id,
        "name": source.name,
        "name_en": source.name_en,
        "department": source.department,
        "department_en": source.department_en,
        "connector": source.connector,
        "tier": source.tier.value,
        "kinds": sorted(kind.value for kind in source.kinds),
        "id_types": sorted(source.id_types),
        "by_issuer": source.by_issuer,
        "timeout": duration_text(source.timeout),
        "max_concurrent": source.max_concurrent,
        "failures_to_open": source.failures_to_open,
        "open_for": duration_text(source.open_for),
        "contact": source.contact,
        "maintenance": [_window_entry(window) for window in source.maintenance],
        "config": dict(source.config),
    }


def source_from(entry: Entry) -> Source:
    """The source an entry means; ValueError or KeyError when its shape is wrong."""
    get = entry.get
    given: dict[str, Any] = {
        key: entry[key] for key in ("max_concurrent", "failures_to_open", "by_issuer") if key in entry
    }
    given |= {key: _duration(entry[key]) for key in ("timeout", "open_for") if key in entry}
    if "kinds" in entry:
        given["kinds"] = frozenset(SubjectKind(kind) for kind in entry["kinds"])
    if "id_types" in entry:
        given["id_types"] = frozenset(entry["id_types"])
    return Source(
        id=entry["id"],
        name=entry["name"],
        department=entry["department"],
        connector=entry["connector"],
        tier=Tier(get("tier") or "A"),
        config=get("config") or {},
        maintenance=tuple(_window_from(window) for window in get("maintenance") or ()),
        contact=get("contact") or "",
        name_en=get("name_en") or "",
        department_en=get("department_en") or "",
        **given,
    )


def binding_entry(binding: Binding) -> dict[str, Any]:
    """One binding as an entry, every key given."""
    return {
        "item": binding.item,
        "source": binding.source,
        "attribute": binding.attribute,
        "rank": binding.rank,
        "transform": None if binding.transform is None else _transform_entry(binding.transform),
        "effective_from": None if binding.effective_from is None else binding.effective_from.isoformat(),
        "effective_to": None if binding.effective_to is None else binding.effective_to.isoformat(),
        "version": binding.version,
    }


def binding_from(entry: Entry) -> Binding:
    """The binding an entry means; ValueError or KeyError when its shape is wrong."""
    get = entry.get
    transform, starts, ends = get("transform"), get("effective_from"), get("effective_to")
    return Binding(
        item=entry["item"],
        source=entry["source"],
        attribute=entry["attribute"],
        rank=get("rank", 1),
        transform=None if transform is None else Transform(**transform),
        effective_from=None if starts is None else date.fromisoformat(starts),
        effective_to=None if ends is None else date.fromisoformat(ends),
        version=get("version", 1),
    )


def code_list_entry(codes: CodeList) -> dict[str, Any]:
    """One code list as an entry; codes as pairs, because their order is part of the list."""
    return {
        "id": codes.id,
        "name": codes.name,
        "standard": codes.standard,
        "divisions": codes.divisions,
        "names": _pairs(codes.names.items()),
        "aliases": _pairs(sorted(codes.aliases.items())),
        "retired": _pairs(sorted(codes.retired.items())),
        "origins": _pairs(sorted(codes.origins.items())),
    }


def code_list_from(entry: Entry) -> CodeList:
    """The code list an entry means."""
    return CodeList(
        id=entry["id"],
        name=entry["name"],
        names=dict(entry["names"]),
        aliases=dict(entry.get("aliases", ())),
        retired=dict(entry.get("retired", ())),
        standard=entry.get("standard", ""),
        origins=dict(entry.get("origins", ())),
        divisions=entry.get("divisions", False),
    )


def duration_text(span: timedelta) -> str:
    """A duration as the files write it, in the largest unit that holds it whole: 365d, 12h, 500ms."""
    thousandths = span // timedelta(milliseconds=1)
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        if thousandths % size == 0:
            return f"{thousandths // size}{unit}"
    return f"{thousandths}ms"


_duration = lru_cache(maxsize=256)(parse_duration)  # 20,000 items share a handful of durations


def _pairs(items: Iterable[tuple[str, str]]) -> list[list[str]]:
    return [[key, value] for key, value in items]


def _transform_entry(transform: Transform) -> dict[str, Any]:
    return {
        "codes": dict(transform.codes),
        "multiply": transform.multiply,
        "date_format": transform.date_format,
        "separator": transform.separator,
        "part": transform.part,
    }


def _window_entry(window: MaintenanceWindow) -> dict[str, Any]:
    moments: Iterable[tuple[str, datetime | time | None]] = (
        ("start", window.start),
        ("end", window.end),
        ("daily_from", window.daily_from),
        ("daily_to", window.daily_to),
    )
    entry: dict[str, Any] = {key: None if moment is None else moment.isoformat() for key, moment in moments}
    return entry | {"weekdays": sorted(window.weekdays)}


def _window_from(entry: Entry) -> MaintenanceWindow:
    get = entry.get
    start, end, since, until = get("start"), get("end"), get("daily_from"), get("daily_to")
    return MaintenanceWindow(
        start=None if start is None else datetime.fromisoformat(start),
        end=None if end is None else datetime.fromisoformat(end),
        daily_from=None if since is None else time.fromisoformat(since),
        daily_to=None if until is None else time.fromisoformat(until),
        weekdays=frozenset(get("weekdays") or ()),
    )
