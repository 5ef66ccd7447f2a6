"""Exporters' profiles (企业资料): who declares, and how each of its shops declares.

One TOML file each in ``<home>/exporters/``, checked against the schema ``exporter``. No
marketplace file says 9610 or 9810, or which customs office the parcel leaves through.
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from xborder import findings
from xborder.findings import Both
from xborder.schemas import tables
from xborder.schemas.validation import Violation, document_violations


class ProfileError(Exception):
    """A profile cannot be used; ``problems`` lists all reasons, each with its TOML path."""

    def __init__(self, problems: list[Both]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Shop:
    """The declaration profile of one shop (店铺); empty text where nothing is said.

    ``order_prefix`` (申报订单号前缀): what its order numbers begin with at customs, where another
    shop of the same platform code has the same numbers.
    """

    id: str
    channel: str
    mode: str
    statistics_flag: str
    customs_code: str
    port_code: str
    platform_code: str
    platform_name: str
    agent_code: str
    agent_name: str
    platform_foreign: bool = True
    order_prefix: str = ""
    loct_no: str = ""
    transport_mode: str = ""
    wrap_type: str = ""
    logistics_code: str = ""
    logistics_name: str = ""
    iac_code: str = ""
    iac_name: str = ""
    ems_no: str = ""
    time_zone: str = "Asia/Shanghai"
    currency: str = ""
    consolidate_by_name: bool = False
    # Not in repr: an order is not checked again because another declares what is consolidated.
    decl_agent_code: str = field(default="", repr=False)
    decl_agent_name: str = field(default="", repr=False)


@dataclass(frozen=True)
class Sending:
    """How an exporter's messages reach customs (报文收发); empty text where nothing is said.

    ``transport``: none (the client sends them), outbox or http. ``documents``: the kinds that
    are filed besides orders and lists.
    """

    transport: str = "none"
    documents: tuple[str, ...] = ()
    folder: str = ""
    url: str = ""
    lookup_url: str = ""
    credential: str = ""
    authority: str = ""
    envelope: bool = False
    sender_id: str = ""
    receiver_id: str = "DXPEDCCEB0000003"
    signing: str = "none"
    key_file: str = ""
    certificate_file: str = ""
    key_name: str = ""
    operator_code: str = ""
    operator_name: str = ""
    payment_code: str = ""
    payment_name: str = ""


@dataclass(frozen=True)
class Exporter:
    """One exporter (收发货人) with its shops; ``keeps_postal``: whether the buyers' names and
    addresses (收件人资料) of its orders are kept, encrypted, for the logistics firm."""

    id: str
    name: str
    code: str
    producer_code: str
    producer_name: str
    dxp_id: str
    shops: tuple[Shop, ...]
    contact: str = ""
    # No order is checked otherwise for it, so it is no part of what says that it must be.
    keeps_postal: bool = field(default=False, repr=False)
    # Not in repr: an order is not checked again because its messages go another way.
    sending: Sending = field(default=Sending(), repr=False)

    def shop(self, shop_id: str) -> Shop | None:
        """The shop of that id, or None."""
        return next((one for one in self.shops if one.id == shop_id), None)

    def shops_of(self, channel: str) -> tuple[Shop, ...]:
        """The shops whose order files are of that channel."""
        return tuple(one for one in self.shops if one.channel == channel)


def _without_blanks(written: Any) -> Any:
    """Empty text says nothing, as an absent key does."""
    if isinstance(written, dict):
        return {key: _without_blanks(value) for key, value in written.items() if value != ""}
    return [_without_blanks(one) for one in written] if isinstance(written, list) else written


def _problem(place: str, zh: str, en: str) -> Both:
    return Both(f"{place}: {zh}", f"{place}: {en}")


def _told(one: Violation) -> Both:
    entry = findings.catalogue()[one.code]
    texts = {
        "column": one.path.rpartition(".")[2],
        "field": one.path,
        "value": one.value or "",
        "expected": one.expected,
    }
    zh = findings.render(entry.zh, findings.in_language(texts, one.code, "zh"))
    en = findings.render(entry.en, findings.in_language(texts, one.code, "en"))
    return _problem(one.path, f"{zh} [{one.code}]", f"{en} [{one.code}]")


def _beyond_schema(profile: dict[str, Any], stem: str) -> list[Both]:
    problems = []
    if (own := profile["id"]) != stem:
        problems.append(
            _problem(
                "id", f"{own} 须与文件名 {stem} 一致", f"{own} must be the file's name, {stem}"
            )
        )
    seen: set[str] = set()
    for at, shop in enumerate(profile["shops"]):
        name, zone = shop["id"], shop.get("time_zone", "UTC")
        if name in seen:
            problems.append(_problem(f"shops[{at}].id", f"{name} 重复", f"{name} stands twice"))
        seen.add(name)
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            place = f"shops[{at}].time_zone"
            problems.append(_problem(place, f"没有时区 {zone}", f"{zone} is no time zone"))
    sending = profile.get("sending", {})
    for document, needed in (
        ("215", "operator_code"),
        ("403", "payment_name"),
        ("507", "operator_code"),
    ):
        if document in sending.get("documents", ()) and needed not in sending:
            filed = f"CEB{document}"
            problems.append(
                _problem(f"sending.{needed}", f"申报 {filed} 须填写", f"needed to file {filed}")
            )
    return problems


def load(path: Path, held: tables.Tables | None = None) -> Exporter:
    """The exporter of a profile file; the declarant and the producer default to itself.

    Raises ProfileError with every problem, each by its TOML path.
    """
    try:
        written = _without_blanks(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        why = str(error)
        raise ProfileError([_problem(path.name, why, why)]) from error
    wrong = document_violations("exporter", written, held)
    problems = [_told(one) for one in wrong] or _beyond_schema(written, path.stem)
    if problems:
        raise ProfileError(problems)
    own = {"agent_code": written["code"], "agent_name": written["name"]}
    shops = tuple(Shop(**(own | shop)) for shop in written["shops"])
    producer = {"producer_code": written["code"], "producer_name": written["name"]}
    said = dict(written.get("sending", {}))
    sending = Sending(**(said | {"documents": tuple(sorted(set(said.get("documents", ()))))}))
    keeps = {"keeps_postal": bool(written.pop("postal", {}).get("keep"))}
    return Exporter(**(producer | written | keeps | {"shops": shops, "sending": sending}))


def load_all(folder: Path, held: tables.Tables | None = None) -> dict[str, Exporter]:
    """All exporters of a folder by id.

    Raises ProfileError with the problems of all files, each after its file's name.
    """
    found, broken = load_usable(folder, held)
    problems = [
        _problem(f"{one}.toml", problem.zh, problem.en)
        for one, told in broken.items()
        for problem in told
    ]
    if problems:
        raise ProfileError(problems)
    return found


def load_usable(
    folder: Path, held: tables.Tables | None = None
) -> tuple[dict[str, Exporter], dict[str, list[Both]]]:
    """The exporters of a folder whose profile can be used, and the problems of the others, both
    by id: a slip in one firm's file must not stop the others."""
    found: dict[str, Exporter] = {}
    broken: dict[str, list[Both]] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            one = load(path, held)
        except ProfileError as error:
            broken[path.stem] = error.problems
        else:
            found[one.id] = one
    return found, broken
