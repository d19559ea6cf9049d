"""How a page is made and sent: templates that escape by default, our own style sheet, and headers that allow no more.

The style sheet's address holds the hash of its content, so that a browser may keep it for ever and never keeps an old
one. Nothing else may be loaded or run, no other site may frame a page or take its form, and no page is kept.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

_HERE = Path(__file__).parent
_STYLE = (_HERE / "static" / "page.css").read_bytes()
_STYLE_HASH = hashlib.sha256(_STYLE).hexdigest()[:16]
# From the root, which each page says how to reach: the service may be served below a path of its host.
_STYLE_SHEET = f"static/{_STYLE_HASH}/page.css"

HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
}
"""On every page."""

_KEPT = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}


def page(template: str, status: int, words: Mapping[str, Any], *, up: str = "../") -> Response:
    """The page of that template. `words`: what it shows; escaped, whatever it holds. `up`: from it to the root."""
    html = _ENVIRONMENT.get_template(template).render({"style_sheet": f"{up}{_STYLE_SHEET}", **words})
    return HTMLResponse(html, status, headers=dict(HEADERS))


def static_file(version: str, name: str) -> Response | None:
    """The style sheet, if that is its name and hash."""
    if (version, name) != (_STYLE_HASH, "page.css"):
        return None
    return Response(_STYLE, headers=_KEPT, media_type="text/css")


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
