"""The customs list schemas, code tables and tariff (清单模式、代码表、税则), and their check.

>>> columns("order_line")[:4]
['order_no', 'line_no', 'order_type', 'ordered_at']
"""

from xborder.schemas import exporters, tables
from xborder.schemas.dialect import SchemaError
from xborder.schemas.exporters import Exporter, ProfileError, Shop
from xborder.schemas.library import columns, descriptions, schema, titles
from xborder.schemas.numbers import NUMBER
from xborder.schemas.tables import TableError, Tables
from xborder.schemas.validation import (
    VIOLATIONS,
    Violation,
    document_violations,
    violations,
)

__all__ = [
    "NUMBER",
    "VIOLATIONS",
    "Exporter",
    "ProfileError",
    "SchemaError",
    "Shop",
    "TableError",
    "Tables",
    "Violation",
    "columns",
    "descriptions",
    "document_violations",
    "exporters",
    "schema",
    "tables",
    "titles",
    "violations",
]
