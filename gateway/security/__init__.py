"""Who calls, under which keys values rest, and by which names subjects are stored. Importing does no cryptography."""

from gateway.security.callers import TokenService, require_roles
from gateway.security.client_keys import check_jwks
from gateway.security.client_secrets import hash_client_secret, new_client_secret
from gateway.security.envelope import Envelope
from gateway.security.keys import KeyRing
from gateway.security.oauth import TokenAnswer, oauth_answer
from gateway.security.pseudonyms import Pseudonyms, new_reference
from gateway.security.root_keys import load_key_ring, rotate_root_key
from gateway.security.subject_keys import WrappedKeys

__all__ = [
    "Envelope",
    "KeyRing",
    "Pseudonyms",
    "TokenAnswer",
    "TokenService",
    "WrappedKeys",
    "check_jwks",
    "hash_client_secret",
    "load_key_ring",
    "new_client_secret",
    "new_reference",
    "oauth_answer",
    "require_roles",
    "rotate_root_key",
]
