"""Purposes: what data is wanted for, by a code that forms, consents and rules all name."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Purpose:
    """One purpose of processing, stated so that a person can understand it (PIPL art. 6 and 17).

    `code`: stable, e.g. "transport.vehicle-review". `citation`: the law the matter itself rests on; "" when none.
    """

    code: str
    name: str
    name_en: str = ""
    citation: str = ""
