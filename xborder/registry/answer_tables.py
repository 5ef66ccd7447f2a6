"""Tables of what people said (人工答复): decisions on facts, answers to causes, mappings of files."""

from sqlalchemy import Column, Index, Integer, String, Table, Text

from xborder.registry.tables import Id, Instant, metadata

decisions = Table(
    "decisions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("exporter", Text, nullable=False, comment="empty: for all"),
    Column("kind", String(16), nullable=False),
    Column("key", Text, nullable=False),
    Column("value", Text, nullable=False, comment="what the table said"),
    Column("verdict", String(16), nullable=False, comment="confirmed|refused|revoked"),
    Column("decided_by", Text, nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("note", Text, nullable=False),
    Index(None, "kind", "key"),
)

fixes = Table(
    "fixes",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("exporter", Text, nullable=False, index=True),
    Column("kind", String(16), nullable=False, comment="sku, or a code table"),
    Column("key", Text, nullable=False, comment="the SKU, or the word"),
    Column("field", Text, nullable=False, comment="empty for a word"),
    Column("value", Text, nullable=False),
    Column("verdict", String(16), nullable=False, comment="given|revoked"),
    Column("after", Id, nullable=False, comment="the last delivery before it"),
    Column("given_by", Text, nullable=False),
    Column("given_at", Instant, nullable=False),
    Column("note", Text, nullable=False),
)

mappings = Table(
    "mappings",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("exporter", Text, nullable=False, index=True),
    Column("name", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    Column("text", Text, nullable=False, comment="a layout as TOML"),
    Column("verdict", String(16), nullable=False, comment="accepted|revoked"),
    Column("given_by", Text, nullable=False),
    Column("given_at", Instant, nullable=False),
    Column("note", Text, nullable=False),
)
