"""Handing in a file (交文件): the page only puts it into the landing zone; a run takes it in."""

from contextlib import ExitStack
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from xborder.intake import KINDS
from xborder.portal import form_token, receiving
from xborder.portal.context import Portal
from xborder.portal.receiving import Form, FormError
from xborder.registry import landing, queries
from xborder.registry.database import reading

NO_SHOP = "-"
"""Stands for "the whole company" in the form and in addresses."""


async def hand_in(request: Request) -> Response:
    """POST /uploads: receive, check who it is for, land it, and lead to its receipt.

    Bytes that are known already lead to the first answer at once; the delivery is counted by
    the next run all the same.
    """
    portal: Portal = request.app.state.portal
    with ExitStack() as stack:
        form = await receiving.receive(request, portal.home.settings.landing, portal.limits, stack)
        if not form_token.matches(request, form.fields.get(form_token.FIELD)):
            raise FormError("error.token")
        target = await run_in_threadpool(_land, portal, form)
    return RedirectResponse(target, status_code=303)


def _land(portal: Portal, form: Form) -> str:
    exporter, shop = _address(portal, form.fields.get("to", ""))
    kind = form.fields.get("kind", "") or None
    if kind is not None and kind not in KINDS:
        raise FormError("error.kind")
    if not form.file_name and not form.size:
        raise FormError("error.no_file")
    # Asked before the file lands: afterwards a run may have taken this very file in.
    with reading(portal.home.engine) as connection:
        known = queries.upload_of(connection, exporter, shop, form.sha256)
    try:
        landing.submit_stream(
            portal.home.settings, form.file, form.file_name or "file", exporter, shop, kind
        )
    except OSError as error:
        raise FormError("error.disk") from error
    if known is not None:
        return f"/uploads/{known.id}?again=1"
    return f"/landed/{quote(exporter)}/{quote(shop or NO_SHOP)}/{form.sha256}"


def _address(portal: Portal, to: str) -> tuple[str, str]:
    """Exporter and shop of the form's choice; the profiles decide what there is."""
    exporter_id, _, shop = to.partition("/")
    exporter = portal.profiles.now().exporters.get(exporter_id)
    if exporter is None:
        raise FormError("error.to")
    if shop == NO_SHOP and len(exporter.shops) > 1:
        return exporter_id, ""
    if exporter.shop(shop) is None:
        raise FormError("error.to")
    return exporter_id, shop
