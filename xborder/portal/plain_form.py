"""A small form without a file, as a browser sends it (普通表单)."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from xborder.portal import form_token
from xborder.portal.limits import Limits
from xborder.portal.receiving import FormError

MOST_BYTES = 32 * 1024
MOST_FIELDS = 60


async def received(request: Request, limits: Limits) -> dict[str, str]:
    """The fields of a form, each once, without blanks around them; its token is right.

    Raises FormError.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise FormError("error.form")
    body = b""
    async for block in request.stream():
        body += block
        if len(body) > MOST_BYTES:
            raise FormError("error.form")
    try:
        told = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict",
            max_num_fields=MOST_FIELDS,
        )  # fmt: skip
    except (UnicodeDecodeError, ValueError) as error:
        raise FormError("error.form") from error
    fields = dict(told)
    if len(fields) < len(told) or any(len(one) > limits.field for one in fields.values()):
        raise FormError("error.form")
    if not form_token.matches(request, fields.pop(form_token.FIELD, None)):
        raise FormError("error.token")
    return {name: value.strip() for name, value in fields.items()}
