"""Errors of forms, named by the next move. What a person answered never raises one: it becomes a `Finding`.

FormsError
├── BadCondition   a visibility condition is not one of the closed vocabulary: correct the form
├── BadForm        a document cannot be read as a form: correct it where `pointer` says
└── BadSchema      a form's JSON Schema cannot be compiled: correct the schema
"""


class FormsError(Exception):
    """Base of everything this package raises."""


class BadCondition(FormsError):
    """A visibility condition cannot be read; the message says what a condition may be."""


class BadForm(FormsError):
    """A document cannot be read as a form. `pointer` is the JSON pointer of what is wrong in it."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(f"{pointer or '/'}: {message}")
        self.pointer = pointer


class BadSchema(FormsError):
    """A form's JSON Schema is not valid 2020-12, reaches outside itself, or has a pattern that cannot be compiled."""
