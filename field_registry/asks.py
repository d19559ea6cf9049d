"""An ask: one item of one subject, wanted from one source; what is planned, decided on and answered."""

from dataclasses import dataclass

from field_registry.bindings import Binding
from field_registry.items import Item
from field_registry.subjects import Subject


@dataclass(slots=True)  # not frozen: forty are made per request, and freezing triples the cost of making one
class Ask:
    """One item of one subject from one source.

    `role`: whose data it is in the form (`applicant`, `spouse` ...). `columns`: for a repeating item, the asks of
    the items within it that the form needs, in form order; empty otherwise.
    """

    item: Item
    binding: Binding
    subject: Subject
    role: str
    columns: "tuple[tuple[Item, Binding], ...]" = ()
