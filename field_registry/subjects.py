"""Whom a field is about: a person, an organisation, a vehicle or a project, named by one identifier.

A subject is made only from a checked identifier; a bad one is refused with a sentence that never repeats it.
Two spellings of one identifier (15- and 18-digit resident IDs, full-width digits) make equal subjects.
"""

from msgspec import Struct

from field_registry.words import Word


class SubjectKind(Word):
    """The kinds of subject a register can hold."""

    person = "person"
    organisation = "organisation"
    vehicle = "vehicle"
    project = "project"


RESIDENT_ID = "111"
"""GA/T 517 code of the resident identity card; the default document of a person."""

REG_NO = "reg_no"
"""The old registration number of an organisation (工商注册号); a source that takes it lists it in its `id_types`."""

ID_TYPE_OF_KIND: dict[SubjectKind, str] = {
    SubjectKind.organisation: "uscc",
    SubjectKind.vehicle: "plate",
    SubjectKind.project: "project_code",
}
"""The identifier type of every kind that is not a person, which every source of that kind takes."""


class Subject(Struct, frozen=True):
    """One person or thing, as registers look it up.

    `id_type`: GA/T 517 code for persons ("111", "414", "511" ...), else "uscc", "reg_no", "plate" or "project_code".
    `id_no`: normalised; safe only inside the process: it must not be written to a log, metric, URL or error.
    `issuer`: the country that issued a document for travelling, three letters; "" where nobody said.
    """

    kind: SubjectKind
    id_type: str
    id_no: str
    issuer: str = ""

    def __hash__(self) -> int:
        """Of the number alone: subjects are looked up by dozens in every request, and numbers hardly ever meet."""
        return hash(self.id_no)

    def __repr__(self) -> str:
        """The kind and document type only, so that a traceback never shows an identifier."""
        return f"Subject({self.kind}, {self.id_type}, …)"
