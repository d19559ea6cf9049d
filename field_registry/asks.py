"""An ask: one item of one role, wanted from one source; what is planned, decided on and answered."""

from dataclasses import dataclass, field

from field_registry.bindings import Binding
from field_registry.items import Item

Mark = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """One item from one source, for one role of a form. Of whom is said beside it: an ask is the same for everybody.

    `role`: whose data it is in the form (`applicant`, `spouse` ...). `columns`: for a repeating item, the items within
    it that the form needs, each with its binding, in form order; empty otherwise. `mark`: what tells two asks of one
    call apart, whatever their role.
    """

    item: Item
    binding: Binding
    role: str
    columns: "tuple[tuple[Item, Binding], ...]" = ()
    mark: Mark = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make the mark once: asks are made with the form, and compared in every request."""
        columns = tuple((item.id, column.attribute) for item, column in self.columns)
        mark: Mark = (self.item.id, self.binding.attribute)
        object.__setattr__(self, "mark", (*mark, columns) if columns else mark)
