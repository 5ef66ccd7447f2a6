"""What happens to an order that the registry already knows (重复上传).

One table of decisions, as columns; it writes nothing. The same order number with another
creation time is another order under a number that is taken (reused). Otherwise:

| content | status | list not issued | list issued |
|---|---|---|---|
| same | same | duplicate | duplicate |
| same | other | notice; cancelled → excluded, back again → checked anew | notice; cancelled → a cancellation is proposed |
| changed | any | current: replaces what stood there | changed_after_issue: held for the operator |
"""  # noqa: E501

import polars as pl

CURRENT, DUPLICATE, REPLACED = "current", "duplicate", "replaced"
CHANGED_AFTER_ISSUE, NOTICE, REUSED = "changed_after_issue", "notice", "reused"

CANCELLED = "CANCELLED"
"""Code of an order that was cancelled before its list was issued."""

_INSTANT = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$"
_DAY = r"^\d{4}-\d\d-\d\d$"

# Hours of a whole offset: minutes and seconds stand in UTC as they are written.
_USUAL = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-5][0-9]:[0-5][0-9][+-][0-9]{2}:00$"


def creation_times(written: pl.Series) -> pl.Series:
    """Creation times for comparison: the instant in UTC, the bare day, or null.

    Two exports of one order may write the same instant with other offsets. A time that cannot
    be read is null and compares with nothing: its order is held by the schema, and the
    corrected file must not meet ORDER_NUMBER_REUSED.
    """
    # Thousands of orders were made in some hundred hours.
    hour = written.str.head(13) + written.str.tail(6)
    once = hour.unique()
    utc = _creation_times(once.str.head(13) + ":00:00" + once.str.tail(6)).str.head(-7)
    told = hour.replace_strict(once, utc) + written.str.slice(13, 6) + "Z"
    others = (~written.str.contains(_USUAL)).arg_true()
    return told.scatter(others, _creation_times(written.gather(others))) if len(others) else told


def _creation_times(written: pl.Series) -> pl.Series:
    text = pl.lit(written).str.strip_chars()
    whole = text.str.replace(r"Z$", "+00:00").str.replace(" ", "T", literal=True)
    whole = whole.str.replace(r"T(\d\d:\d\d)([+-])", "T${1}:00${2}")
    whole = whole.str.replace(r"\.\d+", "").str.replace(r"([+-]\d\d)(\d\d)$", "${1}:${2}")
    instant = whole.str.to_datetime("%Y-%m-%dT%H:%M:%S%:z", time_unit="us", strict=False)
    day = pl.when(text.str.contains(_DAY)).then(text)
    told = (
        pl.when(text.str.contains(_INSTANT))
        .then(instant.dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
        .when(day.str.to_date("%Y-%m-%d", strict=False).is_not_null())
        .then(text)
    )
    return pl.select(told).to_series()


def _other_time() -> pl.Expr:
    old, new = pl.col("old_ordered_at"), pl.col("ordered_at")
    day = "%Y-%m-%d"
    apart = (
        (
            old.str.head(10).str.to_date(day, strict=False)
            - new.str.head(10).str.to_date(day, strict=False)
        )
        .dt.total_days()
        .abs()
    )
    # A bare day stands for any offset's midnight: the UTC day may be one beside it.
    bare = (old.str.len_bytes() == 10) | (new.str.len_bytes() == 10)
    both_bare = (old.str.len_bytes() == 10) & (new.str.len_bytes() == 10)
    return pl.when(bare & ~both_bare).then(apart > 1).otherwise(old != new).fill_null(value=False)


def decide(known: pl.DataFrame, yields_to: str = "") -> pl.DataFrame:
    """Outcome of each known order and what its row becomes.

    ``known`` has the entry's columns (digest, status_digest, ordered_at, cancelled) and the
    order's as it stands (old_layout, old_upload_id, old_digest, old_status_digest, old_ordered_at,
    old_cancelled, old_proposed, old_state, old_codes), and may have ``ignored``: whether the
    operator has put just this content aside after the issue. Added: outcome; touched (the order's
    row changes), recheck (it must be checked anew), new_upload_id, new_digest,
    new_status_digest, new_ordered_at, new_cancelled, new_proposed, new_state, new_codes.
    ``yields_to``: the layout of a fuller report; what stands by that is not changed by a file
    that knows less.
    """
    issued = pl.col("old_state") == "declared"
    # An empty digest tells a status and no content.
    same = (pl.col("digest") == pl.col("old_digest")) | (pl.col("digest") == "")
    if "ignored" in known.columns:
        same |= issued & pl.col("ignored")
    # A file without a status says nothing of it: that is no change.
    silent = (pl.col("status_digest") == "") | (pl.col("old_status_digest") == "")
    same_status = (silent | (pl.col("status_digest") == pl.col("old_status_digest"))) & (
        pl.col("cancelled") == pl.col("old_cancelled")
    )
    layout = pl.col("old_layout").fill_null("").str.splitn("@", 2).struct.field("field_0")
    fuller = (layout == yields_to) if yields_to else pl.lit(value=False)
    outcome = (
        pl.when(_other_time())
        .then(pl.lit(REUSED))
        .when(fuller | (same & same_status))
        .then(pl.lit(DUPLICATE))
        .when(same)
        .then(pl.lit(NOTICE))
        .when(issued)
        .then(pl.lit(CHANGED_AFTER_ISSUE))
        .otherwise(pl.lit(CURRENT))
    )
    decided = known.with_columns(outcome=outcome)
    is_current = pl.col("outcome") == CURRENT
    told = pl.col("outcome").is_in([CURRENT, NOTICE, CHANGED_AFTER_ISSUE])
    off = pl.col("cancelled")
    # What an issued list declares stays as it is; its order only takes the news of a status.
    back = ~issued & ~off & pl.col("old_cancelled") & (pl.col("outcome") == NOTICE)
    recheck = (is_current & ~off) | back
    stop = told & ~issued & off
    return decided.with_columns(
        touched=told,
        recheck=recheck,
        new_upload_id=pl.when(is_current).then("upload_id").otherwise("old_upload_id"),
        new_digest=pl.when(is_current).then("digest").otherwise("old_digest"),
        new_status_digest=pl.when(told & (pl.col("status_digest") != ""))
        .then("status_digest")
        .otherwise("old_status_digest"),
        new_ordered_at=pl.when(is_current & pl.col("ordered_at").is_not_null())
        .then("ordered_at")
        .otherwise("old_ordered_at"),
        new_cancelled=pl.when(told).then(off).otherwise("old_cancelled"),
        new_proposed=pl.when(told & issued).then(off).otherwise("old_proposed"),
        new_state=pl.when(stop)
        .then(pl.lit("excluded"))
        .when(recheck)
        .then(pl.lit("held"))
        .otherwise("old_state"),
        new_codes=pl.when(stop)
        .then(pl.lit(CANCELLED))
        .when(recheck)
        .then(pl.lit(""))
        .otherwise("old_codes"),
    )
