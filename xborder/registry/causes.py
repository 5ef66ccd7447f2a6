"""Causes (原因): why an exporter's orders are held now, each with what one answer would cure."""

import json
import re
from typing import Any

import polars as pl
from sqlalchemy import Engine

from xborder import findings
from xborder.registry import checkings, refusals
from xborder.registry.database import reading
from xborder.registry.fixes import SKU
from xborder.registry.staging import fetch
from xborder.registry.store import Store

CAUSES: dict[str, pl.DataType] = {
    "code": pl.String(),
    "kind": pl.String(),
    "key": pl.String(),
    "field": pl.String(),
    "cells": pl.Int64(),
    "orders": pl.Int64(),
    "cures": pl.Int64(),
    "file": pl.String(),
    "sheet": pl.String(),
    "cell": pl.String(),
    "value": pl.String(),
    "expected": pl.String(),
    "suggestions": pl.String(),
}
"""A cause: ``kind`` is what an answer would be about (sku, country, currency, unit; empty: the
file is to be mended), ``key`` the SKU or word. ``cells`` findings at the order's cells, ``orders``
that have it, ``cures`` those of them that are held by nothing else. The place, value, what
is expected and suggestions (JSON) are those of the first finding."""

ISO_LIKE = re.compile("[A-Z]{3}", re.ASCII)

_WORDS = {"COUNTRY_UNKNOWN": "country", "CURRENCY_UNKNOWN": "currency", "UNIT_UNKNOWN": "unit"}

_HELD = {
    "order_id": pl.Int64, "order_no": pl.String, "upload_id": pl.Int64, "check_id": pl.Int64,
    "codes": pl.String,
}  # fmt: skip

_KEY = ["code", "kind", "key", "field"]


def of_held(engine: Engine, store: Store, exporter: str, goods: pl.DataFrame) -> pl.DataFrame:
    """The causes of an exporter's held orders as they were last checked; columns ``CAUSES``.

    ``goods`` is its catalogue in force. What cures most comes first.
    """
    with reading(engine) as connection:
        held = fetch(
            connection,
            """
            SELECT o.id, o.order_no, o.upload_id, o.check_id, o.codes
            FROM orders o JOIN shops s ON s.id = o.shop_id
            WHERE s.exporter = :exporter AND o.state = 'held' AND o.check_id IS NOT NULL
            """,
            _HELD,
            exporter=exporter,
        )
    skus = (
        goods.select("file", "sheet", "row", pl.col(SKU).alias("goods.sku"))
        .drop_nulls(["file", "row"])
        .unique(["file", "sheet", "row"], keep="last", maintain_order=True)
    )
    counted = []
    for check_id in held["check_id"].unique().sort().to_list():
        where = (*checkings.folder(check_id), "findings.parquet")
        own = held.filter(pl.col("check_id") == check_id).drop("check_id")
        found = (
            store.read_parquet(*where)
            .filter(pl.col("severity").is_in(findings.BLOCKING))
            .join(own, on=["upload_id", "order_no"], maintain_order="left")
        )
        counted.append(_counted(_keyed(found, skus)))
    with reading(engine) as connection:
        ended = refusals.of_exporter(connection, store, exporter)
    if ended.height:
        own = ended.join(held, on=["upload_id", "order_no"], maintain_order="left")
        counted.append(_counted(_keyed(own, skus)))
    if not counted:
        return pl.DataFrame(schema=CAUSES)
    firsts = [pl.first(name) for name in ("file", "sheet", "cell", "value", "expected", "params")]
    sums = [pl.sum(name) for name in ("cells", "orders", "cures")]
    told = pl.concat(counted).group_by(_KEY, maintain_order=True).agg(*sums, *firsts)
    meant = pl.Series([_suggested(text) for text in told["params"]], dtype=pl.String)
    return (
        told.with_columns(meant.alias("suggestions"))
        .select(*CAUSES)
        .cast(CAUSES)  # type: ignore[arg-type]
        .sort(["cures", "orders", *_KEY], descending=[True, True, *[False] * len(_KEY)])
    )


def _suggested(params: str | None) -> str:
    return str(json.loads(params or "{}").get(findings.SUGGESTIONS, "[]"))


def _keyed(found: pl.DataFrame, skus: pl.DataFrame) -> pl.DataFrame:
    """Findings with the kind and key of the answer that would cure them."""
    both = found.join(skus, on=["file", "sheet", "row"], how="left", maintain_order="left")
    in_catalogue = pl.col("also_at") != ""
    sku = pl.when(pl.col("code") == "SKU_NOT_IN_CATALOGUE").then("value").when(in_catalogue).then(
        "goods.sku"
    )  # fmt: skip
    word = pl.col("code").replace_strict(_WORDS, default=None, return_dtype=pl.String)
    own_word = word.is_not_null() & ~in_catalogue
    kind = pl.when(sku.is_not_null()).then(pl.lit(SKU)).when(own_word).then(word)
    key = pl.when(sku.is_not_null()).then(sku).when(own_word).then("value")
    return both.with_columns(kind.fill_null("").alias("kind"), key.fill_null("").alias("key"))


def _counted(found: pl.DataFrame) -> pl.DataFrame:
    alone = pl.struct(_KEY).n_unique().over("order_id") == 1
    # A finding of the reading holds an order too, and is in its codes only.
    cured = pl.when(alone & (pl.col("codes") == pl.col("code"))).then("order_id").alias("cured")
    # Counted before the groups are made: within one, an order has that one cause only.
    return (
        found.with_columns(cured)
        .group_by(_KEY, maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("cells"),
            pl.col("order_id").n_unique().cast(pl.Int64).alias("orders"),
            pl.col("cured").drop_nulls().n_unique().cast(pl.Int64).alias("cures"),
            *(pl.first(name) for name in ("file", "sheet", "cell", "value", "expected", "params")),
        )
    )


def hint(cause: dict[str, Any], lacks: list[str]) -> str:
    """The command that answers a cause; empty where the file is to be mended.

    ``lacks`` are the fields that the SKU's catalogue row lacks. A suggestion for them, or for
    the code of a word, stands in it; the user judges. A SKU that is only spelt otherwise is
    mended in the file. So is a currency that customs has no number for: another code for it
    would declare other money.
    """
    meant = json.loads(cause["suggestions"])
    if any(one["field"] == SKU for one in meant):
        return ""
    if cause["kind"] == SKU:
        fields = lacks or [cause["field"]]
        values = {one["field"]: one["value"] for one in reversed(meant)}
        told = " ".join(f"{name}={values.get(name, '…')}" for name in fields if name != SKU)
        return f"xborder fix sku {_quoted(cause['key'])} {told}"
    if cause["kind"] == "currency" and not meant and ISO_LIKE.fullmatch(cause["key"]):
        return ""
    if cause["kind"]:
        code = meant[0]["value"] if meant else "…"
        return f"xborder fix {cause['kind']} {_quoted(cause['key'])} {code}"
    return ""


def _quoted(text: str) -> str:
    plain = text and all(one.isalnum() or one in "-_./" for one in text)
    return text if plain else "'" + text.replace("'", "'\\''") + "'"
