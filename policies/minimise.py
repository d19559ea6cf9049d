"""Minimisation: what the person has already told is not fetched as well (PIPL art. 6; decision record 0006)."""

from policies.grounds import Decision, ReasonCode

ALREADY_ANSWERED = Decision(False, "S-answered", ReasonCode.already_answered)
"""The decision on a field that the person answered: its item is asked of no source."""
