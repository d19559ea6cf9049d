"""Keys that clients register: only public ones, only strong ones, each with its own name."""

from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from gateway.errors import BadRequest
from gateway.security import check_jwks

ED = OKPKey.generate_key("Ed25519").as_dict(private=False)
EC = ECKey.generate_key("P-256").as_dict(private=False)
RSA = RSAKey.generate_key(2048).as_dict(private=False)
WEAK_RSA = {"kty": "RSA", "e": "AQAB", "n": "w" * 171}  # a modulus of 1024 bits


@pytest.mark.parametrize(
    "keys",
    [
        [ED],
        [EC],
        [RSA],
        [ED | {"alg": "EdDSA"}],
        [ED | {"kid": "a", "use": "sig"}, EC | {"kid": "b", "alg": "ES256"}],
    ],
    ids=["Ed25519", "P-256", "RSA", "the old name of Ed25519", "two keys"],
)
def test_strong_public_keys_are_accepted(keys: list[Any]) -> None:
    """The three kinds of key that `private_key_jwt` may be signed with."""
    check_jwks({"keys": keys})


@pytest.mark.parametrize(
    ("jwks", "says"),
    [
        (None, "A JWK Set is"),
        ([], "A JWK Set is"),
        ({}, "A JWK Set is"),
        ({"keys": []}, "A JWK Set is"),
        ({"keys": [ED] * 11}, "A JWK Set is"),
        ({"keys": ["ed"]}, "Key 1 is not a JSON object"),
        ({"keys": [{}]}, "Key 1 is not a usable JWK"),
        ({"keys": [ED | {"x": "AA"}]}, "Key 1 is not a usable JWK"),
        ({"keys": [ED | {"x": 1}]}, "Key 1 is not a usable JWK"),
        ({"keys": [ED | {"crv": "Ed999"}]}, "Key 1 is not a usable JWK"),
        ({"keys": [OctKey.generate_key(256).as_dict()]}, "private or secret"),
        ({"keys": [OKPKey.generate_key("Ed25519").as_dict(private=True)]}, "private or secret"),
        ({"keys": [OKPKey.generate_key("Ed448").as_dict(private=False)]}, "curve Ed448"),
        ({"keys": [ECKey.generate_key("P-384").as_dict(private=False)]}, "curve P-384"),
        ({"keys": [WEAK_RSA]}, "has 1024 bits"),
        ({"keys": [ED | {"use": "enc"}]}, "not for signing"),
        ({"keys": [ED, EC]}, "its own `kid`"),
        ({"keys": [ED | {"kid": "a"}, EC | {"kid": "a"}]}, "its own `kid`"),
    ],
)
def test_anything_else_is_refused_with_its_reason(jwks: object, says: str) -> None:
    """Shape, private parts, weak or unusual keys, names: each is told by its place in the set."""
    with pytest.raises(BadRequest, match=says) as caught:
        check_jwks(jwks)

    assert caught.value.code == "client_keys"
