"""KIND:ID on the command line, as a subject."""

from field_registry import Subject, SubjectKind
from field_registry.errors import BadIdentifier
from field_registry.identifiers import subject_from
from gateway.cli.common import WRONG_USE, fail

_ID_KEYS = {
    "uscc": (SubjectKind.organisation, "uscc"),
    "plate": (SubjectKind.vehicle, "plate_number"),
    "project_code": (SubjectKind.project, "project_code"),
}


def subject_of(text: str) -> Subject:
    """The subject that KIND:ID names; ends the command with a sentence that does not repeat it."""
    kind, _, number = text.partition(":")
    payload = {"kind": SubjectKind.person.value, "id_type": kind, "id_no": number}
    if kind in _ID_KEYS:
        of_kind, key = _ID_KEYS[kind]
        payload = {"kind": of_kind.value, key: number}
    try:
        return subject_from(payload)
    except BadIdentifier as error:
        fail(f"This is no subject: {error}", WRONG_USE)
