"""Forms: what a matter asks, how its fields are bound, shown, filled, counted and validated.

Knows the vocabulary of `field_registry` and nothing of policies, connectors or the gateway. Pure, but for `load`.
One request reads: flatten → compile_visibility(form).of → (asks made of bind) → fill → counts.
"""

from forms.answers import flatten
from forms.bind import bind
from forms.check import check_forms
from forms.definition import Form
from forms.document import from_document, to_document
from forms.fill import fill
from forms.load import load_forms
from forms.outcomes import FieldOutcome, counts
from forms.validate import Validator
from forms.visibility import compile_visibility

__all__ = [
    "FieldOutcome",
    "Form",
    "Validator",
    "bind",
    "check_forms",
    "compile_visibility",
    "counts",
    "fill",
    "flatten",
    "from_document",
    "load_forms",
    "to_document",
]
