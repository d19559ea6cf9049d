"""Sealed delivery: the values of an answer, to be opened by the receiving department and by nobody in between. Pure.

The caller is shown what a masked answer shows. Beside it travels one JWE (RFC 7516) whose plaintext is the values with
their provenance; only the private key of the department opens it. The caller may keep it, lose it or pass it on; what
it cannot do is put another one in its place, for the gateway signs it.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.resolution.commands import Sealing
from gateway.resolution.settle import Settled

_BLOCK = 1_024
"""Bytes that a plaintext is filled up to with spaces: its length would tell how long the values are."""


def sealed_part(
    answer: Mapping[str, Any], settled: Settled, sealing: Sealing | None, about: Mapping[str, str | None]
) -> dict[str, str]:
    """The JWE of what that masked answer does not show. `about`: the receiving department and its case.

    A sealed answer without a key to seal to is a broken promise: then nothing leaves.
    """
    if sealing is None:
        raise AssertionError("sealed delivery without a key")
    filled = {each.path: each.value for each in settled.filled.outcomes if each.provenance is not None}
    document = {
        "v": 1,
        "resolution": answer["id"],
        "form": answer["form"],
        "registry_version": answer["registry_version"],
        "receipt": answer["receipt"],
        **about,
        "fields": {path: _field(answer["fields"][path], value) for path, value in filled.items()},
    }
    return {"kid": sealing.kid, **sealing.seal(padded(orjson.dumps(document)), answer["id"])}


def _field(shown: Mapping[str, Any], value: object) -> dict[str, Any]:
    """A field as the answer shows it, with its value in the place of what stands for it."""
    return {**{name: each for name, each in shown.items() if name != "display"}, "value": value}


def padded(document: bytes) -> bytes:
    """The same JSON with spaces behind it, up to a whole number of blocks.

    >>> len(padded(b"{}")), len(padded(b"x" * 1025))
    (1024, 2048)
    """
    return document + b" " * (-len(document) % _BLOCK)
