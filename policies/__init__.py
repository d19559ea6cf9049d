"""Policies: who may see what, for which purpose, on which ground. Pure; knows the vocabulary and nothing else.

`policies.decide` is left out on purpose: only the pipeline may import it, so that there is one door out.
"""

from policies.consent import Consent, ConsentState, Standing
from policies.document import Policy
from policies.grounds import Decision, Ground, GroundKind, ReasonCode, Request
from policies.purposes import Purpose
from policies.rules import Rule, Rules

__all__ = [
    "Consent",
    "ConsentState",
    "Decision",
    "Ground",
    "GroundKind",
    "Policy",
    "Purpose",
    "ReasonCode",
    "Request",
    "Rule",
    "Rules",
    "Standing",
]
