"""The registry (登记库): what must never be lost.

Uploads, orders, numbers, lists, manifests, waybills, movements and the audit trail lie in one
database (SQLite by default, PostgreSQL by URL). Every change happens inside
``with database.transaction(engine) as connection:``, one writer at a time; files are derived
from rows afterwards. ``store`` and ``originals`` keep the files that belong to the rows;
``landing`` is the door through which files come in.
"""
