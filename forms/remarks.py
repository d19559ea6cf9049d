"""Remarks: what a check says about a place in a form's document, before it is given its file and line."""

from dataclasses import dataclass

from field_registry.located import Where


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing wrong in a form. `where`: place in its document, e.g. `("fields", 3, "item")`."""

    where: Where
    code: str
    message: str
    severity: str = "error"


def warning(where: Where, code: str, message: str) -> Remark:
    """A remark that does not keep the form from being published."""
    return Remark(where, code, message, "warning")
