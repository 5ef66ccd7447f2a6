"""The page of answers (一次更正): why orders are held, and one answer for all orders of a cause."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from xborder import findings
from xborder.checks.words import TABLES
from xborder.portal import language, plain_form, receipt
from xborder.portal.context import Portal
from xborder.portal.rendering import page
from xborder.registry import answering, fixes, uploads
from xborder.registry.database import reading, transaction
from xborder.schemas import titles
from xborder.schemas.tables import Tables

VALUE = "value."
"""What the name of a form's field begins with that tells a value."""

MOST_CAUSES = 200


@dataclass(frozen=True)
class Refused:
    """An answer that was not taken: what it was about, what was written, and what is wrong."""

    kind: str
    key: str
    values: dict[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def answers(request: Request) -> Response:
    """GET /answers: the exporters; of the only one its page."""
    portal: Portal = request.app.state.portal
    known = portal.profiles.now().exporters
    if len(known) == 1:
        return RedirectResponse(f"/answers/{quote(next(iter(known)))}", status_code=303)
    return page(request, "answer_exporters.html", exporters=known.values())


def of_exporter(request: Request) -> Response:
    """GET /answers/{exporter}: what is asked, and what was answered."""
    return _page(request, _exporter(request), None)


async def give(request: Request) -> Response:
    """POST /answers/{exporter}: take an answer, or say why it is not taken."""
    portal: Portal = request.app.state.portal
    exporter = _exporter(request)
    form = await plain_form.received(request, portal.limits)
    refused = await run_in_threadpool(_given, portal, exporter, form, language.choose(request))
    if refused is not None:
        return await run_in_threadpool(_page, request, exporter, refused)
    return RedirectResponse(f"/answers/{quote(exporter)}?done=given#given", status_code=303)


async def revoke(request: Request) -> Response:
    """POST /answers/{exporter}/revoke: take an answer back."""
    portal: Portal = request.app.state.portal
    exporter = _exporter(request)
    form = await plain_form.received(request, portal.limits)
    refused = await run_in_threadpool(_revoked, portal, exporter, form, language.choose(request))
    if refused is not None:
        return await run_in_threadpool(_page, request, exporter, refused)
    return RedirectResponse(f"/answers/{quote(exporter)}?done=revoked#given", status_code=303)


def _exporter(request: Request) -> str:
    portal: Portal = request.app.state.portal
    exporter = str(request.path_params["exporter"])
    if exporter not in portal.profiles.now().exporters:
        raise HTTPException(404)
    return exporter


def _given(portal: Portal, exporter: str, form: dict[str, str], chosen: str) -> Refused | None:
    kind, key, by = form.get("kind", ""), form.get("key", ""), form.get("by", "")
    told = {
        name.removeprefix(VALUE): value
        for name, value in form.items()
        if name.startswith(VALUE) and value
    }
    home, t = portal.home, language.Texts(chosen)
    note = form.get("note", "")
    if kind not in fixes.KINDS or not key:
        raise HTTPException(400)
    if not by:
        return Refused(kind, key, told, (t("answers.no_name"),))
    if not told:
        return Refused(kind, key, told, (t("answers.no_value"),))
    try:
        with transaction(home.engine) as c:
            if kind == fixes.SKU:
                answering.of_sku(
                    c, home.store, home.tables, exporter, key, told, by=by, note=note
                )  # fmt: skip
            else:
                code = told.get("", "")
                answering.of_word(c, home.tables, exporter, kind, key, code, by=by, note=note)
    except answering.WrongAnswerError as error:
        named = titles("goods")
        return Refused(kind, key, told, tuple(
            f"{_title(named, one['field'], chosen)}: {one[f'message_{chosen}']}"
            for one in error.problems
        ))  # fmt: skip
    except fixes.FixError as error:
        return Refused(kind, key, told, (str(error),))
    return None


def _title(named: Any, name: str, chosen: str) -> str:
    zh, en = named.get(name, (name, name))
    return str(zh if chosen == "zh" else en) or name


def _revoked(portal: Portal, exporter: str, form: dict[str, str], chosen: str) -> Refused | None:
    number, by = form.get("number", ""), form.get("by", "")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise HTTPException(400)
    if not by:
        return Refused("", number, problems=(language.Texts(chosen)("answers.no_name"),))
    try:
        with transaction(portal.home.engine) as c:
            fixes.revoke(c, exporter, int(number), by=by, note=form.get("note", ""))
    except fixes.FixError as error:
        return Refused("", number, problems=(str(error),))
    return None


def _page(request: Request, exporter: str, refused: Refused | None) -> Response:
    portal: Portal = request.app.state.portal
    home, chosen = portal.home, language.choose(request)
    told = answering.given(home.engine, exporter)
    found = answering.open_causes(home.engine, home.store, home.tables, exporter, told)
    overtaken = fixes.overtaken(home.store, told)
    with reading(home.engine) as c:
        numbers = {
            one.file_name: one.id
            for one in uploads.pending(c, (uploads.READ, uploads.CHECKED))
            if one.exporter == exporter
        }
    causes = [_shown(one, chosen, numbers) for one in found]
    return page(
        request,
        "answers.html",
        200 if refused is None else 422,
        exporter=portal.profiles.now().exporters[exporter],
        asked=[one for one in causes if one["asks"]][:MOST_CAUSES],
        others=[one for one in causes if not one["asks"]][:MOST_CAUSES],
        more=max(0, len(causes) - 2 * MOST_CAUSES),
        given=[
            row | {"overtaken_by": overtaken.get(row["id"], "")}
            for row in reversed(told.answers.to_dicts())
        ],
        titles={name: _title(titles("goods"), name, chosen) for name in titles("goods")},
        refused=refused,
        done=request.query_params.get("done", ""),
        choices=_choices(home.tables, chosen),
    )


def _shown(cause: dict[str, Any], chosen: str, numbers: dict[str, int]) -> dict[str, Any]:
    """A cause with its texts, and what may be chosen for each field that it asks."""
    entry = findings.catalogue()[cause["code"]]
    fix = entry.fix_zh if chosen == "zh" else entry.fix_en
    place = findings.in_language(
        {"column": cause["field"], "field": cause["field"], "value": cause["value"],
         "expected": cause["expected"] or ""},
        cause["code"],
        chosen,
    )  # fmt: skip
    message = entry.zh if chosen == "zh" else entry.en
    suggested: dict[str, list[dict[str, str]]] = {}
    for one in cause["suggestions"]:
        suggested.setdefault("" if cause["kind"] != fixes.SKU else one["field"], []).append(one)
    return cause | {
        "severity": entry.severity,
        "message": _without_places(message, place),
        "fix": "" if "{" in fix else fix,
        "suggested": suggested,
        "meant": findings.perhaps(cause["suggestions"], cause["field"], chosen),
        "upload": numbers.get(cause["file"]),
    }


def _without_places(template: str, told: dict[str, str]) -> str:
    return receipt.filled(template, {name: one for name, one in told.items() if one})


def _choices(tables: Tables, chosen: str) -> dict[str, list[tuple[str, str]]]:
    """Codes and names of the tables of which a word may mean a code."""
    name = "name" if chosen == "zh" else "name_en"
    return {
        table: list(rows.select("code", name if name in rows.columns else "name").iter_rows())
        for table in TABLES
        for rows in (tables.codes(table),)
    }
