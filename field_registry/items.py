"""Items: the canonical data elements that fields, bindings, consents and rules all name."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from field_registry.subjects import SubjectKind
from field_registry.words import Word


class Datatype(Word):
    """What kind of value an item holds; each has one normaliser in `field_registry.normalise`."""

    text = "text"
    name = "name"
    id_no = "id_no"
    """A person's document number; checked as a resident ID when it has the shape of one."""
    uscc = "uscc"
    phone = "phone"
    date = "date"
    datetime = "datetime"
    amount = "amount"
    """A decimal as a string with the item's scale, e.g. "8740000.00"."""
    integer = "integer"
    address = "address"
    code = "code"
    """A code of the item's `code_list`, always a string."""
    boolean = "boolean"
    plate = "plate"
    rows = "rows"
    """A list of rows, each a mapping from the id of an item `within` this one to its value."""


class Sensitivity(Word):
    """How much harm disclosure can do; `sensitive` is PIPL art. 28."""

    public = "public"
    personal = "personal"
    sensitive = "sensitive"


class ShareAttribute(Word):
    """The share attribute of 政务数据共享条例 (国务院令第809号)."""

    unconditional = "unconditional"
    conditional = "conditional"
    none = "none"


class About(Word):
    """Whom the values of an item tell of: the subject they are asked about, or somebody else whom its record names."""

    subject = "subject"
    third_party = "third_party"


@dataclass(frozen=True, slots=True)
class Item:
    """One canonical data element, e.g. `person.name`.

    `about`: whom its values tell of; None is the subject, but see `names_others`.
    `within`: for a column of a repeating item, the id of that item (`datatype` rows); else None.
    `unit`, `scale`: for amounts, e.g. "CNY" and 2. `max_length`: characters; 0 is without limit.
    `freshness`: how old a value may be before it is flagged stale; None never.
    `mask`: name of the masking rule for display (see `policies.mask`); "" shows the value as it is.
    `compare`: whether two registers that differ make a `conflict` instead of the first rank winning.
    """

    id: str
    name: str
    kind: SubjectKind
    datatype: Datatype
    department: str
    name_en: str = ""
    code_list: str | None = None
    sensitivity: Sensitivity = Sensitivity.personal
    share: ShareAttribute = ShareAttribute.conditional
    share_citation: str | None = None
    freshness: timedelta | None = None
    unit: str | None = None
    scale: int = 2
    max_length: int = 200
    mask: str = ""
    compare: bool = False
    within: str | None = None
    synonyms: tuple[str, ...] = ()
    about: About | None = None

    @property
    def domain(self) -> str:
        """The part before the first dot: `person` of `person.name`; what rules match on."""
        return self.id.partition(".")[0]


def names_others(item: Item, columns: Iterable[Item]) -> bool:
    """Whether a value of that item, with these columns, tells of somebody else than its subject.

    What the registry says of the item counts, then what it says of a column. Where it says nothing, rows that hold
    names or numbers of people are about those people.
    """
    if item.about is not None:
        return item.about is About.third_party
    return any(
        each.datatype in _NAMES_SOMEBODY if each.about is None else each.about is About.third_party
        for each in columns
    )


_NAMES_SOMEBODY = frozenset({Datatype.name, Datatype.id_no})
