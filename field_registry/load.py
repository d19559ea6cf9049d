"""Directory → registry: YAML files with items, sources, bindings and code lists, and `codes/<list id>.csv`.

`load_registry` gives a registry or every fault at once. `read_registry` gives what can be read *and* the faults, so
that one mistyped key does not hide what the lints of `check` would find. Either way each part knows its place.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from field_registry.bindings import Binding
from field_registry.codes import CodeList
from field_registry.document import binding_from, item_from, source_from
from field_registry.errors import Fault, FaultsFound
from field_registry.items import Item
from field_registry.located import Located, parse_duration, read_yaml, without_collection
from field_registry.registry import Registry
from field_registry.shape import registry_shape
from field_registry.sheets import CodeSheet, read_codes
from field_registry.sources import Source

__all__ = ["Loaded", "Located", "Place", "load_registry", "parse_duration", "read_registry", "read_yaml"]

T = TypeVar("T", bound=Item | Source | Binding)
_ANY_ID = re.compile(r"\b(id|item):\s*[\"']?([A-Za-z][\w.-]*)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one part of a registry is written: `file` relative to the directory, `line` from 1."""

    file: str
    line: int
    _located: Located | None = None
    _path: tuple[str | int, ...] = ()

    def line_of(self, *keys: str | int) -> int:
        """The line of something inside the part, e.g. `line_of("transform", "codes")`; the part's own when absent."""
        return self.line if self._located is None else self._located.line_of((*self._path, *keys))


@dataclass(frozen=True, slots=True)
class Loaded:
    """A registry and where its parts are written.

    `places`: (kind, id) → Place, for the kinds "item", "source", "code_list", "binding" (id: `Binding.key`) and
    "code" (id: list/code). `faults`: what could not be read; empty after `load_registry`. `broken`: (kind, id) of
    the parts that are there but could not be read, so that references to them are not faults of their own
    (for a binding, the id is its item's).
    """

    registry: Registry
    places: Mapping[tuple[str, str], Place]
    faults: tuple[Fault, ...] = ()
    broken: frozenset[tuple[str, str]] = frozenset()


def load_registry(directory: Path, version: int = 0) -> Loaded:
    """The registry a directory describes, with the place of every part; `FaultsFound` with all faults otherwise.

    Reads `*.yaml` and `*.yml` in the directory (not below it) and `codes/*.csv`. Lints are `check_registry`'s work.
    """
    loaded = read_registry(directory, version)
    if loaded.faults:
        raise FaultsFound(loaded.faults)
    return loaded


def read_registry(directory: Path, version: int = 0) -> Loaded:
    """What can be read of a directory, and every fault that kept the rest from being read."""
    if not directory.is_dir():
        message = "there is no such directory; give the one that holds items.yaml"
        fault = Fault(directory.name, 0, "no_directory", message)
        return Loaded(Registry.of(version, items=(), sources=(), bindings=()), {}, (fault,))
    reader = _Reader()
    with without_collection():
        for path in sorted(path for path in directory.iterdir() if path.suffix in {".yaml", ".yml"}):
            reader.read_file(path)
        for path in sorted((directory / "codes").glob("*.csv")):
            reader.read_sheet(path)
        return reader.finish(version)


class _Reader:
    """Gathers the parts of one directory."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.sources: list[Source] = []
        self.bindings: list[Binding] = []
        self.list_entries: dict[str, Mapping[str, Any]] = {}
        self.sheets: dict[str, CodeSheet] = {}
        self.places: dict[tuple[str, str], Place] = {}
        self.broken: set[tuple[str, str]] = set()
        self.faults: list[Fault] = []

    def read_file(self, path: Path) -> None:
        try:
            located = read_yaml(path)
        except FaultsFound as error:
            self.faults.extend(error.faults)
            self._salvage(path)
            return
        if located.data is None:
            return
        entries, faults = registry_shape(located)
        self.faults.extend(faults)
        for section, index, entry, whole in entries:
            place = Place(located.file, located.line_of((section, index)), located, (section, index))
            if whole:
                self._add(section, entry, place)
            else:
                self._note_broken(section, entry)

    def read_sheet(self, path: Path) -> None:
        sheet, faults = read_codes(path, f"codes/{path.name}")
        self.faults.extend(faults)
        self.sheets[path.stem] = sheet
        for code, line in sheet.lines.items():
            self.places["code", f"{path.stem}/{code}"] = Place(sheet.file, line)

    def finish(self, version: int) -> Loaded:
        lists = [self._code_list(list_id, sheet) for list_id, sheet in self.sheets.items()]
        for list_id in self.list_entries.keys() - self.sheets.keys():
            place = self.places["code_list", list_id]
            message = (
                f"code list {list_id!r} has no codes; write them in codes/{list_id}.csv (columns code, name)"
            )
            self.faults.append(Fault(place.file, place.line, "no_codes", message))
            self.broken.add(("code_list", list_id))
        registry = Registry.of(
            version, items=self.items, sources=self.sources, bindings=self.bindings, code_lists=lists
        )
        faults = tuple(sorted(self.faults, key=lambda fault: (fault.file, fault.line)))
        return Loaded(registry, self.places, faults, frozenset(self.broken))

    def _add(self, section: str, entry: Mapping[str, Any], place: Place) -> None:
        match section:
            case "items":
                self._keep(self.items, item_from, entry, place)
            case "sources":
                self._keep(self.sources, source_from, entry, place)
            case "bindings":
                self._keep(self.bindings, binding_from, entry, place)
            case _:
                if self._is_new("code_list", entry["id"], place):
                    self.list_entries[entry["id"]] = entry

    def _keep(
        self, parts: list[T], build: Callable[[Mapping[str, Any]], T], entry: Mapping[str, Any], place: Place
    ) -> None:
        part = build(entry)
        kind = type(part).__name__.lower()
        if self._is_new(kind, part.key if isinstance(part, Binding) else part.id, place):
            parts.append(part)

    def _is_new(self, kind: str, part_id: str, place: Place) -> bool:
        first = self.places.setdefault((kind, part_id), place)
        if first is place:
            return True
        message = (
            f"{kind.replace('_', ' ')} {part_id!r} is already defined at {first.file}:{first.line}; keep one"
        )
        self.faults.append(Fault(place.file, place.line, "duplicate_id", message))
        return False

    def _code_list(self, list_id: str, sheet: CodeSheet) -> CodeList:
        entry = self.list_entries.get(list_id, {})
        self.places.setdefault(("code_list", list_id), Place(sheet.file, 1))
        return CodeList(
            id=list_id,
            name=entry.get("name", list_id),
            names=sheet.names,
            aliases=sheet.aliases,
            retired=sheet.retired,
            standard=entry.get("standard", ""),
            origins=sheet.origins,
            divisions=entry.get("divisions", False),
        )

    def _note_broken(self, section: str, entry: Mapping[str, Any]) -> None:
        part_id = entry.get("item" if section == "bindings" else "id")
        if isinstance(part_id, str):
            self.broken.add((_KIND_OF[section], part_id))

    def _salvage(self, path: Path) -> None:
        """Count every id of an unreadable file as there but broken: its loss is one fault, not hundreds."""
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:  # already reported as unreadable
            return
        for key, found in _ANY_ID.findall(text):
            kinds = ("binding",) if key == "item" else ("item", "source", "code_list")
            self.broken.update((kind, found) for kind in kinds)


_KIND_OF = {"items": "item", "sources": "source", "code_lists": "code_list", "bindings": "binding"}
