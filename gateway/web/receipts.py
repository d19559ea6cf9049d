"""`/r/{number}`: anybody holds a paper against what was logged. Reading only, without script, limited by address.

The code on a paper leads here with the receipt's number and a part of its digest. Nothing of a person is shown: which
matter, when, for whom, which items. A number that leads to nothing is told so, in the same words whatever the reason.
"""

from typing import cast

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from gateway.errors import GatewayError, TooMany
from gateway.runtime import Runtime
from gateway.security.rate_limits import RateLimits
from gateway.submissions.receipt_page import public_receipt
from gateway.web.receipt_views import asking_view, receipt_view, trouble_view
from gateway.web.rendering import HEADERS, page

router = APIRouter()

_LONGEST = 80


async def get_asking(request: Request) -> Response:
    """The page on which a number is typed in; with one, the way to its own page."""
    number = request.query_params.get("number", "").strip()[:_LONGEST]
    plain = "".join(each for each in number if each.isascii() and (each.isalnum() or each in "_-"))
    if plain:
        return RedirectResponse(plain, 303, headers=dict(HEADERS))
    return page("receipt_ask.html", 200, asking_view())


async def get_receipt(request: Request) -> Response:
    """Whether that receipt is genuine and what it is about; with `d`, whether that digest was handed out."""
    runtime = cast(Runtime, request.app.state.runtime)
    number, digest = request.path_params["number"][:_LONGEST], request.query_params.get("d", "")[:_LONGEST]
    try:
        _take_turn(request, runtime)
        found = await public_receipt(number, digest, runtime, log_keys=request.app.state.sequencer.keys)
    except GatewayError as error:
        runtime.telemetry.problem(error.code)
        return page("over.html", error.status, trouble_view(error.status))
    return page("receipt.html", 200, receipt_view(found, digest))


# Plain routes: pages are no operations of the interface that /openapi.json describes.
router.add_route("/r/", get_asking, methods=["GET"])
router.add_route("/r/{number}", get_receipt, methods=["GET"])


def _take_turn(request: Request, runtime: Runtime) -> None:
    """One of the looks of that address, or of all together behind a proxy; numbers are long, so this is enough."""
    direct = request.client is not None and not runtime.settings.behind_tls_proxy
    address = request.client.host if direct and request.client is not None else ""
    limits: RateLimits = request.app.state.limits
    wait = limits.take(f"/r/{address}")
    if wait:
        raise TooMany(
            "too_many_requests", "There are too many look-ups. Wait and try again.", retry_after=wait
        )
