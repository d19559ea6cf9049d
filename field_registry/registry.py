"""The registry: one published, immutable version of items, sources, bindings and code lists. Look-ups only.

Building one sorts and indexes; it reads no file and asks no database. A look-up costs a dictionary access.
"""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import TypeVar

from field_registry.bindings import Binding
from field_registry.codes import CodeList
from field_registry.errors import UnknownName
from field_registry.items import Item
from field_registry.sources import Source

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Registry:
    """Everything one version of the field registry says.

    `version`: 0 for one that was never published, else counted from 1.
    Must not be built by hand outside tests: use `Registry.of`, which indexes.
    """

    version: int
    items: Mapping[str, Item]
    sources: Mapping[str, Source]
    bindings: tuple[Binding, ...]
    code_lists: Mapping[str, CodeList]
    _by_item: Mapping[str, tuple[Binding, ...]] = field(repr=False)
    _columns: Mapping[str, tuple[Item, ...]] = field(repr=False)

    @classmethod
    def of(
        cls,
        version: int,
        *,
        items: Iterable[Item],
        sources: Iterable[Source],
        bindings: Iterable[Binding],
        code_lists: Iterable[CodeList] = (),
    ) -> "Registry":
        """A registry of these parts, indexed. Later duplicates of an id win; `check` finds them earlier."""
        item_map = {item.id: item for item in items}
        ordered = tuple(sorted(bindings, key=lambda b: (b.item, b.rank, b.source, b.attribute)))
        by_item: dict[str, list[Binding]] = defaultdict(list)
        for binding in ordered:
            by_item[binding.item].append(binding)
        columns: dict[str, list[Item]] = defaultdict(list)
        for item in item_map.values():
            if item.within is not None:
                columns[item.within].append(item)
        return cls(
            version=version,
            items=MappingProxyType(item_map),
            sources=MappingProxyType({source.id: source for source in sources}),
            bindings=ordered,
            code_lists=MappingProxyType({codes.id: codes for codes in code_lists}),
            _by_item={key: tuple(value) for key, value in by_item.items()},
            _columns={key: tuple(value) for key, value in columns.items()},
        )

    def item(self, item_id: str) -> Item:
        """The item of that id, or `UnknownName` with the nearest id."""
        return _look_up(self.items, item_id, "item")

    def source(self, source_id: str) -> Source:
        """The source of that id, or `UnknownName` with the nearest id."""
        return _look_up(self.sources, source_id, "source")

    def code_list(self, list_id: str) -> CodeList:
        """The code list of that id, or `UnknownName` with the nearest id."""
        return _look_up(self.code_lists, list_id, "code list")

    def bindings_of(self, item_id: str, on: date) -> tuple[Binding, ...]:
        """The bindings of an item effective on that day, authoritative first; empty when it is not bound."""
        return tuple(b for b in self._by_item.get(item_id, ()) if b.is_effective(on))

    def columns_of(self, item_id: str) -> tuple[Item, ...]:
        """The items within a repeating item, in the order they were given."""
        return self._columns.get(item_id, ())


def _look_up(table: Mapping[str, T], name: str, what: str) -> T:
    found = table.get(name)
    if found is not None:
        return found
    near = difflib.get_close_matches(name, table, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UnknownName(f"no {what} {name!r} in this registry.{hint}")
