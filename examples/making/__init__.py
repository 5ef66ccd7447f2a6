"""How the example files are made: formats, catalogues, and one module an exporter.

Everything is fictional: firms, codes, goods, buyers, waybills. No clock and no chance is used,
so that the same files come out byte for byte.
"""
