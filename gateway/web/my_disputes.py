"""`/my/disputes`: what I said is wrong, who has to answer until when, and what came of it; say it of one more value.

A dispute is opened on a use: the person chooses which of the values shown there is wrong. What they wrote, and both
values, stand on the page of the ticket alone; that it was opened is an entry first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from field_registry import Item
from field_registry.display import display_of
from gateway.disputes.service import OpenDispute, open_dispute, own_disputes, read_dispute
from gateway.disputes.steps import take_step
from gateway.disputes.uses import ShownValue, Wanted, every_shown, resolution_of, slot_field
from gateway.errors import Conflict, NotValid
from gateway.profiles.keepable import is_profile
from gateway.records import DisputeState
from gateway.runtime import Runtime
from gateway.submissions.receipt_print import local
from gateway.web.form_bodies import FormBody
from gateway.web.my_gate import Visit, own_page
from gateway.web.my_words import CHANGED, DISPUTE_STATES, DISPUTE_STEPS, FORM_TROUBLES
from gateway.web.paging import page_of
from gateway.web.words import Words

router = APIRouter()

UNANSWERED = frozenset({DisputeState.open.value, DisputeState.referred.value})
_AT_ONCE = 200
_LONGEST_ID, _LONGEST_OWN = 60, 2_000
_NOTHING: Mapping[str, str] = {"value": "", "reason": "", "own": "", "evidence": ""}


@own_page("disputes")
async def get_disputes(visit: Visit) -> Response:
    """Those that wait for an answer first, then the others, each newest first. No value stands here."""
    found = await every_dispute(visit.ref, visit.runtime)
    newest_first = sorted(found, key=lambda each: str(each["id"]), reverse=True)
    ordered = sorted(newest_first, key=lambda each: each["state"] not in UNANSWERED)
    shown, older, number = page_of(ordered, visit.asked("page"))
    lines = [line_view(each, visit.runtime) for each in shown]
    return visit.show("my_disputes.html", {"disputes": lines, "older": older, "page": number})


@own_page("disputes")
async def get_dispute(visit: Visit) -> Response:
    """One dispute with what was said and both values."""
    return await _show_dispute(visit)


@own_page("disputes")
async def post_dispute(visit: Visit) -> Response:
    """Take it back."""
    dispute_id = visit.request.path_params["dispute"]
    await visit.sent("take-back", about=dispute_id)
    try:
        await take_step(dispute_id, "withdraw", visit.caller, visit.runtime)
    except Conflict:
        return await _show_dispute(visit, status=409, words=CHANGED)
    return visit.there(f"my/disputes/{dispute_id}", "taken-back")


@own_page("uses")
async def get_new(visit: Visit) -> Response:
    """The form on which a value of one use is said to be wrong."""
    return await _ask(visit, _NOTHING)


@own_page("uses")
async def post_new(visit: Visit) -> Response:
    """Open it, and show the ticket: the one that is open already, where there is one."""
    use = visit.request.path_params["use"][:_LONGEST_ID]
    _, form = await visit.sent("dispute", about=use)
    if len(form.one("own")) > _LONGEST_OWN:
        return await _ask(visit, _NOTHING, status=422, words=FORM_TROUBLES["too_long"])
    resolution = await resolution_of(use, visit.runtime)
    open_before = {each["id"] for each in await every_dispute(visit.ref, visit.runtime)}
    try:
        told = await open_dispute(_command(resolution, form), visit.caller, visit.runtime)
    except NotValid as error:
        return await _ask(visit, {name: form.one(name) for name in _NOTHING}, status=422, words=_why(error))
    return visit.there(f"my/disputes/{told['id']}", "already" if told["id"] in open_before else "opened")


router.add_route("/my/disputes", get_disputes, methods=["GET"])
router.add_route("/my/disputes/{dispute}", get_dispute, methods=["GET"])
router.add_route("/my/disputes/{dispute}", post_dispute, methods=["POST"])
router.add_route("/my/uses/{use}/wrong", get_new, methods=["GET"])
router.add_route("/my/uses/{use}/wrong", post_new, methods=["POST"])


async def every_dispute(ref: str, runtime: Runtime) -> Sequence[dict[str, Any]]:
    """All disputes of that person, by id, each with its answer."""
    found: list[dict[str, Any]] = []
    while rows := await own_disputes(ref, runtime, after=found[-1]["id"] if found else "", limit=_AT_ONCE):
        found += rows
    return found


def line_view(told: Mapping[str, Any], runtime: Runtime) -> dict[str, Any]:
    """A dispute as the list shows it."""
    registry = runtime.library.published.registry
    item, source = registry.items.get(told["item"]), registry.sources.get(told["source"])
    return {
        "id": told["id"],
        "name": (told["item_name"], item.name_en if item else ""),
        "source": source.name if source else told["source"],
        "state": DISPUTE_STATES[DisputeState(told["state"])],
        "is_open": told["state"] in UNANSWERED,
        "department": told["supervisor"] or told["department"],
        "opened_at": local(told["opened_at"])[:16],
        "due": told["due"],
        "closed_at": told["closed_at"] and local(told["closed_at"])[:16],
        "answer": told["answer"],
    }


async def _show_dispute(visit: Visit, *, status: int = 200, words: Words | None = None) -> Response:
    runtime, dispute_id = visit.runtime, visit.request.path_params["dispute"]
    told = await read_dispute(dispute_id, visit.caller, runtime)
    item = runtime.library.published.registry.items.get(told["item"])
    shown = {
        **line_view(told, runtime),
        "erased": told["erased"],
        "reason": told["reason"],
        "shown": _display(item, told["shown"], runtime),
        "own": _display(item, told["own"], runtime),
        "evidence": told["evidence"],
        "steps": [_step_view(each) for each in told["steps"]],
        "nonce": visit.nonce("take-back", dispute_id),
    }
    return visit.show("my_dispute.html", {"dispute": shown, "words": words}, status=status)


def _step_view(step: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "at": local(step["at"])[:16],
        "name": DISPUTE_STEPS.get(step["step"], (step["step"], step["step"])),
        "department": step["department"],
        "words": step["words"],
    }


def _display(item: Item | None, shown: object, runtime: Runtime) -> str:
    """A value as people read it; what is no normal value of the item stands as it was written."""
    if shown is None:
        return ""
    codes = runtime.library.published.registry.code_lists.get(item.code_list or "") if item else None
    return display_of(item, shown, codes) if item is not None else str(shown)


# ---------------------------------------------------------------- opening one


async def _ask(
    visit: Visit, typed: Mapping[str, str], *, status: int = 200, words: Words | None = None
) -> Response:
    runtime, use = visit.runtime, visit.request.path_params["use"][:_LONGEST_ID]
    resolution = await resolution_of(use, runtime)
    found = await every_shown(Wanted(resolution), visit.caller, runtime)
    return visit.show(
        "my_wrong.html",
        {
            "use": use,
            "choices": [await _choice(each, runtime) for each in found if not _is_own_record(each, runtime)],
            "typed": typed,
            "nonce": visit.nonce("dispute", use),
            "words": words,
        },
        status=status,
    )


def _is_own_record(shown: ShownValue, runtime: Runtime) -> bool:
    """Whether the person said it themself: what is kept of them is corrected by them, not disputed with anybody."""
    return is_profile(runtime.library.published.registry.sources.get(shown.source))


async def _choice(shown: ShownValue, runtime: Runtime) -> dict[str, Any]:
    form = await runtime.library.form(*shown.form)
    field = slot_field(shown.path, form)
    source = runtime.library.published.registry.sources.get(shown.source)
    rows = [str(int(part) + 1) for part in shown.path.split(".") if part.isdigit()]
    name = field.label if field is not None else shown.item.name
    english = (field.label_en if field is not None else "") or shown.item.name_en
    return {
        "path": shown.path,
        "name": (
            name + "".join(f"（第 {row} 项）" for row in rows),
            english + "".join(f" ({row})" for row in rows),
        ),
        "source": source.name if source is not None else shown.source,
        "department": shown.item.department,
    }


def _command(resolution: str, form: FormBody) -> OpenDispute:
    evidence = form.one("evidence").strip()
    return OpenDispute(
        # Never None: a path that was not chosen is no value of the use, and not any value of it.
        Wanted(resolution, path=form.one("value")),
        form.one("reason").strip(),
        form.one("own").strip() or None,
        (evidence,) if evidence else (),
    )


def _why(error: NotValid) -> Words:
    codes = [finding["code"] for finding in error.errors]
    return next((FORM_TROUBLES[code] for code in codes if code in FORM_TROUBLES), FORM_TROUBLES["not_shown"])
