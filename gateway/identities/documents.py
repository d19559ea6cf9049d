"""A linked document as it is kept: its identifier, sealed under the key of its own subject, while it is linked."""

import orjson

from field_registry import Subject, SubjectKind
from gateway.ports import Sealer, SubjectKeys
from gateway.records import LinkedDocument, SubjectKey

_TABLE, _COLUMN = "identity_document", "sealed"


def seal_document(subject: Subject, ref: str, sealer: Sealer, key: SubjectKey | None) -> bytes:
    """The identifier of that subject, to be opened for the row of that reference only."""
    text = orjson.dumps([subject.kind.value, subject.id_type, subject.id_no, subject.issuer])
    return sealer.seal(text, table=_TABLE, column=_COLUMN, row=ref, key=key)


def open_document(document: LinkedDocument, sealer: Sealer, keys: SubjectKeys) -> Subject:
    """The subject that a linked document names; raises `CannotOpen` when it was altered or moved."""
    key = keys.open(document.wrapped_key, document.ref)
    opened = sealer.open(document.sealed, table=_TABLE, column=_COLUMN, row=document.ref, key=key)
    kind, id_type, id_no, *issuer = orjson.loads(opened)  # those from before issuers were told have none
    return Subject(SubjectKind(kind), id_type, id_no, *issuer)
