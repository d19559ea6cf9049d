"""Registry → directory, the way people edit it: defaults left out, one file per kind of part."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from field_registry.bindings import Binding
from field_registry.document import binding_entry, item_entry, source_entry
from field_registry.items import Datatype, Item
from field_registry.registry import Registry
from field_registry.sheets import CodeSheet, write_codes
from field_registry.sources import Source
from field_registry.subjects import SubjectKind

try:
    from yaml import CSafeDumper as _Dumper
except ImportError:  # PyYAML built without libyaml: the same text, slower
    from yaml import SafeDumper as _Dumper  # type: ignore[assignment]

_DEFAULTS = {
    "items": item_entry(Item("", "", SubjectKind.person, Datatype.text, "")),
    "sources": source_entry(Source("", "", "", "")),
    "bindings": binding_entry(Binding("", "", "")),
    "code_lists": {"id": "", "name": "", "standard": "", "divisions": False},
}
_ALWAYS = frozenset(
    {"id", "name", "kind", "datatype", "department", "connector", "item", "source", "attribute", "rank"}
)


def dump_registry(registry: Registry, directory: Path) -> None:
    """Write items.yaml, sources.yaml, bindings.yaml, code_lists.yaml and codes/*.csv; the directory may be new.

    Loading the directory gives a registry with the same document. Files of these names are overwritten; other files
    are left alone, so that a directory meant to hold this registry only should be empty before.
    """
    (directory / "codes").mkdir(parents=True, exist_ok=True)
    _write(directory, "items", map(item_entry, registry.items.values()))
    _write(directory, "sources", map(source_entry, registry.sources.values()))
    _write(directory, "bindings", map(binding_entry, registry.bindings))
    lists = registry.code_lists.values()
    heads = ("id", "name", "standard", "divisions")
    _write(directory, "code_lists", ({head: getattr(codes, head) for head in heads} for codes in lists))
    for codes in lists:
        sheet = CodeSheet(
            "", dict(codes.names), dict(codes.aliases), dict(codes.retired), dict(codes.origins)
        )
        (directory / "codes" / f"{codes.id}.csv").write_text(write_codes(sheet), encoding="utf-8", newline="")


def _write(directory: Path, section: str, entries: Iterable[Mapping[str, Any]]) -> None:
    content = {section: [_brief(entry, _DEFAULTS[section]) for entry in entries]}
    text = yaml.dump(content, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)
    (directory / f"{section}.yaml").write_text(text, encoding="utf-8", newline="")


def _brief(entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    brief = {key: value for key, value in entry.items() if key in _ALWAYS or value != defaults[key]}
    return {
        key: _without_nothing(value) if key in {"transform", "maintenance"} else value
        for key, value in brief.items()
    }


def _without_nothing(value: Any) -> Any:
    """A transform or maintenance windows without what they do not say."""
    if isinstance(value, list):
        return [_without_nothing(part) for part in value]
    return {key: part for key, part in value.items() if part is not None and part not in ("", 0, [], {})}
