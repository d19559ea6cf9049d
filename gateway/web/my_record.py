"""`/my/record`: what is kept of what I typed, from which form, until when; shown, corrected, deleted, kept longer.

In the list values are masked; one is shown in full on its own page, which somebody has to open. What is done here
changes the record and nothing else: no register, and no form that was handed in; the page says so.
"""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from field_registry.codes import CodeList
from field_registry.items import Datatype
from gateway.audit.entries import rfc3339
from gateway.errors import NotValid
from gateway.profiles.keepable import refusal_to_keep
from gateway.profiles.service import (
    PERSON,
    Shown,
    correct_profile,
    delete_from_profile,
    extend_kept,
    show_kept,
    show_profile,
)
from gateway.profiles.telling import as_document
from gateway.runtime import Runtime
from gateway.submissions.receipt_print import local
from gateway.web.my_gate import Visit, own_page
from gateway.web.my_words import FORM_TROUBLES
from gateway.web.words import Words
from policies.mask import mask

router = APIRouter()

_PER_PAGE = 20
_LONGEST = 2_000
_MOST_CHOICES = 60
_KIND = "person"
_STEPS = ("correct", "delete", "extend")
_DONE = {"correct": "corrected", "delete": "deleted", "extend": "extended"}
_YES_NO = (("是", "是"), ("否", "否"))


@own_page("record")
async def get_record(visit: Visit) -> Response:
    """What is kept, masked; that it was shown is an entry."""
    cursor = visit.asked("cursor")[:100]
    found = await show_profile(
        visit.ref, visit.runtime, caller=PERSON, cursor=cursor, limit=_PER_PAGE + 1, with_values=True
    )
    shown = found[:_PER_PAGE]
    older = shown[-1].kept.id if len(found) > _PER_PAGE else None
    values = [{**await kept_view(each, visit.runtime), "display": masked(each)} for each in shown]
    return visit.show("my_record.html", {"values": values, "older": older, "is_first": not cursor})


@own_page("record")
async def get_value(visit: Visit) -> Response:
    """One value in full, and what may be done with it."""
    return await _show_value(visit)


@own_page("record")
async def post_value(visit: Visit) -> Response:
    """Correct it, delete it, or keep it longer."""
    runtime, item = visit.runtime, visit.request.path_params["item"]
    step, form = await visit.sent(*_STEPS, about=item)
    try:
        if step == "delete":
            await delete_from_profile(visit.ref, item, runtime, caller=PERSON)
        elif step == "extend":
            await extend_kept(visit.ref, _KIND, item, runtime)
        elif len(form.one("value")) > _LONGEST:
            return await _show_value(visit, status=422, words=FORM_TROUBLES["too_long"])
        else:
            await correct_profile(visit.ref, _KIND, item, form.one("value"), runtime)
    except NotValid:
        typed = form.one("value") if step == "correct" else None
        return await _show_value(visit, status=422, words=FORM_TROUBLES["invalid_value"], typed=typed)
    return visit.there("my/record" if step == "delete" else f"my/record/{item}", _DONE[step])


router.add_route("/my/record", get_record, methods=["GET"])
router.add_route("/my/record/{item}", get_value, methods=["GET"])
router.add_route("/my/record/{item}", post_value, methods=["POST"])


async def _show_value(
    visit: Visit, *, status: int = 200, words: Words | None = None, typed: str | None = None
) -> Response:
    runtime, item_id = visit.runtime, visit.request.path_params["item"]
    shown = await show_kept(visit.ref, item_id, runtime, caller=PERSON)
    view = await kept_view(shown, runtime)
    return visit.show(
        "my_value.html",
        {
            "value": view,
            "typed": view["plain"] if typed is None else typed,
            "choices": choices_of(shown, runtime),
            "nonces": {step: visit.nonce(step, item_id) for step in _STEPS},
            "words": words,
        },
        status=status,
    )


async def kept_view(shown: Shown, runtime: Runtime) -> dict[str, Any]:
    """A kept value as a page shows it, in full; a list masks it."""
    published, item = runtime.library.published, shown.item
    told, english = (as_document(shown, published, is_english=each) for each in (False, True))
    purpose, differs = told["purpose"], told["differs_from"]
    return {
        "item": told["item"],
        "name": (told["name"], english["name"] if english["name"] != told["name"] else ""),
        "display": shown.display,
        "plain": _plain(shown),
        "given_at": local(rfc3339(shown.kept.given_at))[:10],
        "until": local(rfc3339(shown.kept.expires_at))[:10],
        "purpose": purpose and (purpose["name"], english["purpose"]["name"]),
        "form": await _form_name(told["form"], runtime),
        "differs": differs
        and {
            "source": (differs["source"]["name"], differs["source"]["department"]),
            "at": local(differs["retrieved_at"])[:10],
        },
        "may_keep": item is not None and refusal_to_keep(item, published.registry, published.day) is None,
    }


async def _form_name(form_id: str | None, runtime: Runtime) -> str | None:
    if form_id is None or form_id not in runtime.library.published.forms:
        return form_id
    return (await runtime.library.form(form_id, None)).name


def masked(shown: Shown) -> str:
    """What a list shows of the value: as its item's rule says, and nothing of it where there is no rule."""
    rule = shown.item.mask if shown.item is not None else ""
    return mask(rule or "full", shown.display)


def choices_of(shown: Shown, runtime: Runtime) -> list[tuple[str, str]]:
    """Value and name of what may be chosen, where the item takes one of a few; empty where it is typed."""
    item = shown.item
    if item is None:
        return []
    if item.datatype is Datatype.boolean:
        return list(_YES_NO)
    codes: CodeList | None = runtime.library.published.registry.code_lists.get(item.code_list or "")
    if codes is None or len(codes.names) > _MOST_CHOICES:
        return []
    return [(code, name) for code, name in codes.names.items() if code not in codes.retired]


def _plain(shown: Shown) -> str:
    """The value as it stands in its field."""
    is_chosen = shown.item is not None and shown.item.datatype is Datatype.code
    return str(shown.value) if is_chosen else shown.display
