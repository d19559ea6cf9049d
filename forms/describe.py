"""What a renderer needs to draw a form and a data admin to judge it: sections, and per field who will fill it."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from field_registry import Registry
from forms.bind import Line, bind
from forms.definition import Form


def layout_of(form: Form) -> list[dict[str, Any]]:
    """The sections in the order in which their first field stands, JSON-ready.

    Each is {"section", "fields"}; an entry of `fields` is a path, or {"group", "label", "label_en", "identity_key",
    "max_rows", "fields"} for a repeating group, once, where its first column stands.
    """
    sections: dict[str, list[Any]] = {}
    drawn: dict[str, list[str]] = {}
    for field in form.fields:
        entries = sections.setdefault(field.section, [])
        group = form.group(field.group) if field.group else None
        if group is None:
            entries.append(field.path)
            continue
        if group.path not in drawn:
            drawn[group.path] = []
            entries.append(
                {
                    "group": group.path,
                    "label": group.label,
                    "label_en": group.label_en,
                    "identity_key": group.identity_key,
                    "max_rows": group.max_rows,
                    "fields": drawn[group.path],
                }
            )
        drawn[group.path].append(field.path)
    return [{"section": section, "fields": entries} for section, entries in sections.items()]


def field_descriptions(form: Form, registry: Registry, on: date) -> list[dict[str, Any]]:
    """Per field, in form order: role, item, labels, and the tier and sources to expect on that day. JSON-ready.

    `tier` is that of the authoritative source, None when nothing will fill the field; `sources` are in order of trust.
    """
    return [_description(line, registry) for line in bind(form, registry, on)]


def _description(line: Line, registry: Registry) -> dict[str, Any]:
    field = line.field
    sources = [_source(registry, binding.source) for binding in line.bindings] if line.outcome is None else []
    return {
        "path": field.path,
        "label": field.label,
        "label_en": field.label_en,
        "section": field.section,
        "hint": field.hint,
        "role": field.role,
        "kind": field.kind.value,
        "required": field.required,
        "office_use": field.office_use,
        "visible_when": field.visible_when,
        "group": field.group,
        "item": field.item,
        "item_name": line.item.name if line.item is not None else None,
        "datatype": line.item.datatype.value if line.item is not None else None,
        "code_list": line.item.code_list if line.item is not None else None,
        "tier": sources[0]["tier"] if sources else None,
        "sources": sources,
    }


def _source(registry: Registry, source_id: str) -> Mapping[str, Any]:
    source = registry.sources.get(source_id)
    if (
        source is None
    ):  # a binding to nowhere: a fault of the registry, which must not break the form's description
        return {"id": source_id, "name": source_id, "name_en": "", "department": "", "tier": None}
    return {
        "id": source.id,
        "name": source.name,
        "name_en": source.name_en,
        "department": source.department,
        "tier": source.tier.value,
    }
