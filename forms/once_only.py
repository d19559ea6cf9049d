"""The once-only check: a form that asks a person to type what a register already holds.

Law: 国务院令第716号 art. 7, what can be had by sharing must not be demanded again. The check is deliberately narrow, by
equal names only: it must not cry wolf. Fuzzy matching of labels is the registry's suggestion service, not a lint.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from field_registry import Item, Registry, SubjectKind
from field_registry.codes import fold
from field_registry.items import ShareAttribute
from forms.definition import Field, Form


@dataclass(frozen=True, slots=True, eq=False)
class HeldItems:
    """The items of one registry by what people call them; made once, asked for every field."""

    _by_name: Mapping[tuple[SubjectKind, str | None, str], Item]

    @classmethod
    def of(cls, registry: Registry) -> "HeldItems":
        """The index of a registry; items that are not shared are left out, since asking for them is right."""
        by_name: dict[tuple[SubjectKind, str | None, str], Item] = {}
        for item in registry.items.values():
            if item.share is not ShareAttribute.none:
                for name in (item.name, item.name_en, *item.synonyms):
                    by_name.setdefault((item.kind, item.within, fold(name)), item)
        return cls(by_name)

    def item_for(self, form: Form, field: Field) -> Item | None:
        """The item that a field without one could have been bound to, None when no name agrees.

        The label is tried as it is and without the role's own name before it: 配偶姓名 of the role 配偶 is 姓名.
        """
        if field.item is not None or not field.may_be_eligible:
            return None
        group = form.group(field.group) if field.group else None
        role = form.role(group.role if group is not None else field.role)
        within = group.item if group is not None else None
        for kind in sorted(role.kinds) if role is not None else ():
            for name in _names(field, role.label if role is not None else ""):
                item = self._by_name.get((kind, within, name)) if name else None
                if item is not None:
                    return item
        return None


def _names(field: Field, role_label: str) -> Iterator[str]:
    for label in (field.label, field.label_en):
        yield fold(label)
    yield fold(field.label.removeprefix(role_label).removeprefix("的"))
