"""Lints of a registry: what is well written but cannot be right. Pure; every fault names file, line and remedy.

Errors keep a registry from being published; warnings do not. Nothing here asks a source or the clock.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from field_registry.check_bindings import binding_faults, item_binding_faults
from field_registry.check_config import config_faults
from field_registry.check_issuer import issuer_faults
from field_registry.codes import CodeList
from field_registry.errors import Fault
from field_registry.items import Datatype, Item, ShareAttribute
from field_registry.load import Loaded, Place, read_registry
from field_registry.located import did_you_mean
from field_registry.registry import Registry

Schemas = Mapping[str, Mapping[str, object]]
_NOWHERE = Place("registry", 0)


def check_registry(
    registry: Registry | Loaded,
    places: Mapping[tuple[str, str], Place] | None = None,
    connector_schemas: Schemas | None = None,
) -> tuple[Fault, ...]:
    """Every lint fault of a registry, by file and line. `places` as `Loaded.places`; without it line 0 is named.

    `connector_schemas`: connector kind → JSON Schema of its config; None leaves configurations unchecked.
    """
    loaded = registry if isinstance(registry, Loaded) else Loaded(registry, places or {})
    faults = _Lint(loaded, connector_schemas).faults()
    return tuple(sorted(faults, key=lambda fault: (fault.file, fault.line, fault.code)))


def check_directory(directory: Path, connector_schemas: Schemas | None = None) -> tuple[Fault, ...]:
    """Every fault of a directory: what cannot be read and, of all that can, what the lints find."""
    loaded = read_registry(directory)
    found = {*loaded.faults, *check_registry(loaded, connector_schemas=connector_schemas)}
    return tuple(sorted(found, key=lambda fault: (fault.file, fault.line, fault.code)))


@dataclass(frozen=True, slots=True)
class _Lint:
    loaded: Loaded
    schemas: Schemas | None

    def faults(self) -> Iterator[Fault]:
        registry = self.loaded.registry
        for item in registry.items.values():
            yield from self._item(item)
        yield from binding_faults(self.loaded)
        yield from item_binding_faults(self.loaded)
        for source in registry.sources.values():
            place = self._place("source", source.id)
            yield from config_faults(source, place, self.schemas)
            yield from issuer_faults(source, place)
            bound = any(binding.source == source.id for binding in registry.bindings)
            if not bound and not any(kind == "binding" for kind, _ in self.loaded.broken):
                message = f"source {source.id!r} answers for no item; bind items to it or remove it"
                yield Fault(place.file, place.line, "unused_source", message, "warning")
        for codes in registry.code_lists.values():
            yield from self._code_list(codes)

    def _item(self, item: Item) -> Iterator[Fault]:
        place = self._place("item", item.id)
        if item.share is ShareAttribute.none and not (item.share_citation or "").strip():
            yield _at(
                place,
                "no_citation",
                f"item {item.id!r} is not to be shared (share: none) but cites no law or regulation that says so; "
                "add share_citation, or make it conditional",
                "share",
            )
        yield from self._code_list_of(item, place)
        yield from self._within(item, place)
        if item.datatype is Datatype.rows and not self.loaded.registry.columns_of(item.id):
            message = (
                f"item {item.id!r} is a list of rows without columns; give its columns `within: {item.id}`"
            )
            yield _at(place, "no_columns", message, "datatype", severity="warning")

    def _code_list_of(self, item: Item, place: Place) -> Iterator[Fault]:
        lists = self.loaded.registry.code_lists
        if item.datatype is not Datatype.code:
            if item.code_list is not None:
                message = (
                    f"item {item.id!r} is a {item.datatype} but names a code list; make it `datatype: code`"
                )
                yield _at(place, "type_clash", message, "code_list")
        elif item.code_list is None:
            message = (
                f"item {item.id!r} is coded but names no code_list. Defined: {', '.join(lists) or 'none'}"
            )
            yield _at(place, "no_code_list", message, "datatype")
        elif item.code_list not in lists and ("code_list", item.code_list) not in self.loaded.broken:
            hint = did_you_mean(item.code_list, lists)
            message = f"item {item.id!r} uses code list {item.code_list!r}, which is not defined."
            yield _at(place, "unknown_code_list", f"{message} Defined: {_listed(lists)}.{hint}", "code_list")

    def _within(self, item: Item, place: Place) -> Iterator[Fault]:
        if item.within is None or ("item", item.within) in self.loaded.broken:
            return
        items = self.loaded.registry.items
        whole = items.get(item.within)
        if whole is None:
            rows = [other.id for other in items.values() if other.datatype is Datatype.rows]
            message = f"item {item.id!r} is within {item.within!r}, which is not defined."
            yield _at(place, "unknown_item", f"{message}{did_you_mean(item.within, rows or items)}", "within")
        elif whole.datatype is not Datatype.rows:
            message = f"item {item.id!r} is within {whole.id!r}, a {whole.datatype}; only `datatype: rows` has columns"
            yield _at(place, "not_rows", message, "within")
        elif item.datatype is Datatype.rows:
            message = f"item {item.id!r} is a list of rows within another; rows hold single values only"
            yield _at(place, "nested_rows", message, "datatype")
        elif item.kind is not whole.kind:
            message = f"item {item.id!r} is of a {item.kind} but its rows {whole.id!r} are of a {whole.kind}"
            yield _at(place, "kind_clash", f"{message}; a column has the kind of its rows", "kind")

    def _code_list(self, codes: CodeList) -> Iterator[Fault]:
        known = {*codes.names, *codes.retired}
        targets = [(code, successor, "is retired to") for code, successor in codes.retired.items()]
        targets += [(alias, code, "is an alias of") for alias, code in codes.aliases.items()]
        for code, target, words in targets:
            place = self.loaded.places.get(("code", f"{codes.id}/{code}"), self._place("code_list", codes.id))
            if target not in known:
                message = f"code list {codes.id!r}: {code!r} {words} {target!r}, which the list lacks; add that code"
                yield _at(place, "unknown_code", f"{message}{did_you_mean(target, codes.names)}")
            elif codes.current(target) in codes.retired:
                yield _at(
                    place,
                    "retired_circle",
                    f"code list {codes.id!r}: {code!r} is retired in a circle; end it",
                )

    def _place(self, kind: str, part_id: str) -> Place:
        return self.loaded.places.get((kind, part_id), _NOWHERE)


def _at(place: Place, code: str, message: str, *keys: str | int, severity: str = "error") -> Fault:
    return Fault(place.file, place.line_of(*keys), code, message, severity)


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:12]) + (f" and {len(ordered) - 12} more" if len(ordered) > 12 else "")
