"""The web page of exporters and liaisons (网页): hand in a file, read its receipt, fetch manifests.

Server-rendered, in Chinese and English, on this machine's loopback address only: it has no
accounts yet, so whoever reaches it may use it.
"""
