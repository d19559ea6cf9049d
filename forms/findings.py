"""Findings: what is to be said about a person's answers, without ever repeating one."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to say about the answers.

    `pointer`: JSON pointer into the nested answers, e.g. "/children/0/name". `code`: stable, for machines: "required",
    "type", "unknown_path" ... `detail`: a sentence that names limits and names, never what somebody typed.
    """

    pointer: str
    code: str
    detail: str

    def to_document(self) -> Mapping[str, str]:
        """The finding as the `errors` of a problem document carry it."""
        return {"pointer": self.pointer, "code": self.code, "detail": self.detail}


def pointer_of(path: str) -> str:
    """The JSON pointer of a dotted path.

    >>> pointer_of("children.0.name")
    '/children/0/name'
    """
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path.split("."))
