"""Overseas warehouses (海外仓): ledger, age, the chain from declaration to sale, the report.

Pure functions of Polars frames. ``book`` alone knows the registry.
"""

from xborder.stock.report import StockReport, build, render, write

__all__ = ["StockReport", "build", "render", "write"]
