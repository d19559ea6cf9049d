"""A stored request, open: what its sealed part says, how it stands, and how a desk sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from gateway.audit.entries import rfc3339
from gateway.consents.notice import NOTICE_ID, RenderedNotice, render_notice
from gateway.consents.request_links import link_secret
from gateway.records import ConsentRequest
from gateway.runtime import Runtime
from policies import ConsentState


@dataclass(frozen=True, slots=True)
class Asked:
    """A stored request with its sealed part open. `record`: empty once purged.

    `facts`: what the notice is rendered from. `notice`: in the language the request is answered in.
    """

    request: ConsentRequest
    record: Mapping[str, Any] = field(repr=False)

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the notice says, as data."""
        facts: Mapping[str, Any] = self.record["facts"]
        return facts

    @property
    def items(self) -> Sequence[Mapping[str, Any]]:
        """The items asked for, in the order shown."""
        items: Sequence[Mapping[str, Any]] = self.facts["items"]
        return items

    def notice(self, language: str | None = None) -> RenderedNotice:
        """The notice as it was shown, rendered again from the record and the version it names."""
        return render_notice(self.facts, language or self.record["language"], self.record["notice_version"])


async def opened(request: ConsentRequest, runtime: Runtime) -> Asked:
    """The request with its sealed part open."""
    if request.sealed is None:
        return Asked(request, {})
    key = await runtime.subjects.key_for(request.subject_ref)
    record = runtime.sealer.open(
        request.sealed, table="consent_request", column="sealed", row=request.id, key=key
    )
    return Asked(request, orjson.loads(record))


async def sealed_record(
    request_id: str, subject_ref: str, record: Mapping[str, Any], runtime: Runtime
) -> bytes:
    """The sealed part of a request, under the key of whom it is about."""
    return runtime.sealer.seal(
        orjson.dumps(dict(record)),
        table="consent_request",
        column="sealed",
        row=request_id,
        key=await runtime.subjects.key_for(subject_ref),
    )


def state_of(request: ConsentRequest, now: datetime) -> ConsentState:
    """Its state now: an open request whose time is over has expired, whether or not a job has written it down."""
    is_over = request.state is ConsentState.requested and now >= request.expires_at
    return ConsentState.expired if is_over else request.state


def link_of(request: ConsentRequest, runtime: Runtime) -> str:
    """The address a person opens to answer."""
    return f"{runtime.settings.public_url}/c/{link_secret(request.id, runtime.fingerprint)}"


def view(asked: Asked, runtime: Runtime) -> dict[str, Any]:
    """The request as the desk sees it; its link while it can be answered."""
    request, now = asked.request, runtime.clock()
    state = state_of(request, now)
    shown = asked.notice() if asked.record else None
    return {
        "id": request.id,
        "state": state.value,
        "url": link_of(request, runtime) if state is ConsentState.requested else None,
        "expires_at": rfc3339(request.expires_at),
        "consent": request.consent_id,
        "answered_at": request.answered_at and rfc3339(request.answered_at),
        "notice": shown and _notice_view(asked, shown),
        "items": [_item_view(item) for item in asked.items] if asked.record else [],
        "not_asked": asked.record.get("not_asked", []),
    }


def _notice_view(asked: Asked, shown: RenderedNotice) -> dict[str, Any]:
    texts = {"text_zh": asked.notice("zh-CN").text, "text_en": asked.notice("en").text}
    return {
        "id": NOTICE_ID,
        "version": shown.version,
        "language": shown.language,
        "rendered_sha256": shown.sha256,
        **texts,
    }


def _item_view(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "item": item["item"],
        "name": item["name"],
        "name_en": item["name_en"],
        "source_departments": [source["department"] for source in item["sources"]],
        "share": item["share"],
        "sensitive": item["is_sensitive"],
        "about_others": item["names_others"],
        "necessity": "required" if item["is_required"] else "optional",
        "why": item["why"],
    }
