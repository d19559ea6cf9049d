"""What stands in each slot of a form that was handed in, as it is printed: text, where it came from, what is disputed.

Pure. A value that was changed or typed bears no mark: it is the person's own word.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from field_registry import Tier
from field_registry.display import display_of
from field_registry.items import Datatype
from field_registry.outcomes import Disposition
from forms.print import Origin, Shown
from gateway.slots import Slot
from gateway.submissions.receipt_claims import Story, without_row
from policies.mask import mask

_ASSISTED = frozenset({Tier.D, Tier.E})
_MARKED = frozenset({Disposition.kept, Disposition.disputed})


def is_own(slot: Shown) -> bool:
    """Whether what the slot says is the person's own word, which needs no masking."""
    return slot.origin is None or slot.own is not None


@dataclass(frozen=True, slots=True, eq=False)
class Paper:
    """A form that was handed in. `slots`: as they were frozen then, by path, all of them.

    `claims`: slot path → what was offered, of values that are said to be wrong.

    `masked`: what came from a source was shown to the caller masked, and is printed so.
    """

    story: Story
    slots: Mapping[str, Slot]
    claims: Mapping[str, Any] = field(repr=False)
    masked: bool = False

    def shown(self) -> dict[str, Shown]:
        """Every slot as it is printed; a question that did not arise is struck out, and so is a table without rows."""
        shown = {path: self._value(path, value) for path, value in self.story.values.items()}
        # Of rows that were taken out nothing is printed.
        blank = {path for path in self.slots.keys() - shown.keys() if path == without_row(path)}
        shown |= {path: self._value(path, None) for path in blank}
        for each in self.story.form.fields:
            if each.may_be_eligible and each.group is None and each.path not in shown:
                shown[each.path] = Shown(is_hidden=True)
        return shown | self._empty_tables(shown)

    def _empty_tables(self, shown: Mapping[str, Shown]) -> dict[str, Shown]:
        """One row struck out of each table without any, so that nobody writes into it later."""
        filled = {without_row(path) for path in shown}
        empty = [
            group.path
            for group in self.story.form.groups
            if not any(path.startswith(f"{group.path}.") for path in filled)
        ]
        columns = [each for each in self.story.form.fields if each.group in empty]
        return {
            f"{each.group}.0.{each.path.removeprefix(f'{each.group}.')}": Shown(is_hidden=True)
            for each in columns
        }

    def _value(self, path: str, value: Any) -> Shown:
        slot = self.slots.get(path)
        origin = None if slot is None else self._origin(slot)
        own = self.text(path, value, is_fetched=False)
        if slot is not None and slot.disposition is Disposition.disputed:
            return Shown(self.text(path, self.claims.get(path), is_fetched=True), origin, own=own)
        return Shown(self.text(path, value, is_fetched=origin is not None), origin)

    def _origin(self, slot: Slot) -> Origin | None:
        if slot.tier is None or slot.disposition not in _MARKED:
            return None
        source = None if slot.tier in _ASSISTED else self.story.registry.sources.get(slot.source or "")
        if source is None:
            return Origin(slot.tier.value, "" if slot.tier in _ASSISTED else slot.source or "")
        return Origin(slot.tier.value, source.name, source.department)

    def text(self, path: str, value: Any, *, is_fetched: bool) -> str:
        """A value as a person reads it; masked if it came from a source and was delivered so."""
        of = self.story.form.field(without_row(path))
        item = self.story.registry.items.get(of.item) if of and of.item else None
        if value is None:
            return ""
        if item is None:
            return ("是" if value else "否") if isinstance(value, bool) else _plain(value)
        shown = display_of(item, value, self.story.registry.code_lists.get(item.code_list or ""))
        if not (self.masked and is_fetched):
            return shown
        return mask(item.mask or ("full" if item.datatype is Datatype.rows else ""), shown)


def _plain(value: Any) -> str:
    return "、".join(str(each) for each in value) if isinstance(value, list | tuple) else str(value)
