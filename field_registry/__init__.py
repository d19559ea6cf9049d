"""The vocabulary: what can be known about a subject, and who is entitled to say it.

Knows nothing of forms, policies, connectors or the gateway. Everything here is a frozen value or a pure function;
reading and writing directories is in `load` and `dump`, lints in `check`, differences in `diff`.
"""

from field_registry.asks import Ask
from field_registry.bindings import Binding
from field_registry.codes import CodeList
from field_registry.identifiers import subject_from
from field_registry.items import Item
from field_registry.normalise import normaliser_for
from field_registry.outcomes import OutcomeCode, Tier
from field_registry.registry import Registry
from field_registry.sources import Source
from field_registry.subjects import Subject, SubjectKind
from field_registry.values import Missing, Provenance, Value

__all__ = [
    "Ask",
    "Binding",
    "CodeList",
    "Item",
    "Missing",
    "OutcomeCode",
    "Provenance",
    "Registry",
    "Source",
    "Subject",
    "SubjectKind",
    "Tier",
    "Value",
    "normaliser_for",
    "subject_from",
]
