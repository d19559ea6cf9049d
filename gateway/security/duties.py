"""Who may hold which roles together: administration, security and audit never in one hand (GB/T 39477). Pure.

Asked wherever roles are given to a client or an operator, so that no way of giving them goes past it.
"""

from collections.abc import Collection

from gateway.records import CallerRole

_R = CallerRole
ADMINISTRATION = frozenset({_R.operator, _R.data_admin})
SECURITY = frozenset({_R.security})
AUDIT = frozenset({_R.auditor})
PORTAL = frozenset({_R.portal})
OPERATOR_ROLES = ADMINISTRATION | SECURITY | AUDIT
"""What people at work may hold; the others belong to systems, `person` to nobody but by exchange."""

_HANDS = (
    ("administration (operator, data_admin)", ADMINISTRATION),
    ("security", SECURITY),
    ("audit (auditor)", AUDIT),
    ("portal", PORTAL),
)


def conflict_of(roles: Collection[str]) -> str | None:
    """Why no one may hold these roles together, as a sentence; None when somebody may."""
    if _R.person in roles:
        return "The role person is nobody's to hold: a portal is given it for one person at a time (/oauth/token)."
    held = [name for name, hand in _HANDS if not hand.isdisjoint(roles)]
    if len(held) > 1:
        return (
            f"Nobody may unite {' and '.join(held)} (GB/T 39477). Give them to different clients or people."
        )
    return None


def operator_conflict(roles: Collection[str]) -> str | None:
    """The same for a person at work, who holds at least one role and none of a system."""
    foreign = sorted(set(roles) - OPERATOR_ROLES)
    if foreign or not roles:
        return f"An operator holds some of: {', '.join(sorted(OPERATOR_ROLES))}."
    return conflict_of(roles)
