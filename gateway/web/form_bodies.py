"""Reading what an HTML form sends, without a parser for uploads: no form of ours uploads anything."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from starlette.requests import Request

from gateway.errors import BadRequest, TooLarge

_MOST_BYTES = 64_000
_MOST_FIELDS = 1_000


class FormBody:
    """The fields of a form. What was not sent is an empty text."""

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self._fields = fields

    def one(self, name: str) -> str:
        """What a field holds; the first where it stands twice."""
        return self._fields.get(name, ("",))[0]

    def every(self, name: str) -> frozenset[str]:
        """What every ticked box of that name stands for."""
        return frozenset(self._fields.get(name, ()))


async def form_of(request: Request) -> FormBody:
    """The fields that were sent; raises `BadRequest` for what no form of ours sends, `TooLarge` for too much."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise BadRequest("not_a_form", "Send the form of the page as it is.")
    body = await request.body()
    if len(body) > _MOST_BYTES:
        raise TooLarge("body_too_large", f"A form has at most {_MOST_BYTES} bytes.")
    try:
        fields = parse_qs(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"
        )
    except ValueError:  # a UnicodeDecodeError is one
        raise BadRequest("not_a_form", "Send the form of the page as it is.") from None
    return FormBody(fields)
