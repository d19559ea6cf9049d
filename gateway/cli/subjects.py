"""KIND:ID as a subject: on the command line where a shell's history does no harm, else in a file."""

from typing import Annotated

import typer

from field_registry import Subject, SubjectKind
from field_registry.errors import BadIdentifier
from field_registry.identifiers import subject_from
from gateway.cli.common import WRONG_USE, fail

_ID_KEYS = {
    "uscc": (SubjectKind.organisation, "uscc"),
    "reg_no": (SubjectKind.organisation, "reg_no"),
    "plate": (SubjectKind.vehicle, "plate_number"),
    "project_code": (SubjectKind.project, "project_code"),
}


SubjectText = Annotated[
    str | None,
    typer.Option(
        "--subject",
        help="KIND:ID. KIND: a GA/T 517 code (111, 414/FRA …), uscc, reg_no, plate or project_code.",
    ),
]
SubjectFile = Annotated[
    typer.FileText | None,
    typer.Option(
        "--subject-file",
        encoding="utf-8",
        help="A file with KIND:ID, - for standard input: no trace in the shell.",
    ),
]
"""The two ways in which a command is told whom it is about: by exactly one of them."""

_EITHER = "Give either --subject KIND:ID or --subject-file FILE."


def one_subject(text: str | None, file: typer.FileText | None) -> Subject:
    """The subject that one of the two options names; ends the command unless it is exactly one."""
    found = any_subject(text, file)
    if found is None:
        fail(_EITHER, WRONG_USE)
    return found


def any_subject(text: str | None, file: typer.FileText | None) -> Subject | None:
    """The same where nobody may be named: then None."""
    if text is not None and file is not None:
        fail(_EITHER, WRONG_USE)
    named = file.read() if file is not None else text
    return None if named is None else subject_of(named.strip())


def subject_of(text: str) -> Subject:
    """The subject that KIND:ID names; ends the command with a sentence that does not repeat it."""
    try:
        return subject_from(payload_of(text))
    except BadIdentifier as error:
        fail(f"This is no subject: {error}", WRONG_USE)


def payload_of(text: str) -> dict[str, str]:
    """The wire form of what KIND:ID names, not yet checked."""
    kind, _, number = text.strip().partition(":")
    if kind in _ID_KEYS:
        of_kind, key = _ID_KEYS[kind]
        return {"kind": of_kind.value, key: number}
    id_type, _, issuer = kind.partition("/")
    person = {"kind": SubjectKind.person.value, "id_type": id_type, "id_no": number}
    return {**person, "issuer": issuer} if issuer else person
