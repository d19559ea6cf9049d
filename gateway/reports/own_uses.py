"""One use of a person's data as `GET /v1/me/uses` tells it: codes for machines, and words for the person. Pure."""

from typing import Any

from gateway.reports.ledger_lines import ground_text, lines_of, reason_text
from gateway.reports.ledger_words import Language
from gateway.reports.use import Use, as_document


def own_use_document(use: Use, language: Language) -> dict[str, Any]:
    """The use with grounds and refusals in words, where its proof is, and the whole as a paragraph.

    An entry is told only once it has its place in the log, so there is always a proof.
    """
    told = as_document(use)
    return {
        **told,
        "refused": [
            {**each, "reason_text": reason_text(each["reason"], language)} for each in told["refused"]
        ],
        "ground": [
            {**each, "text": ground_text(ground, language)}
            for each, ground in zip(told["ground"], use.ground, strict=True)
        ],
        "result": {**told["result"], "reasons": [reason_text(each, language) for each in use.result.reasons]},
        "proof": {"available": True, "path": f"/v1/audit/proofs/{use.entry}"},
        "lines": lines_of(use, language),
    }
