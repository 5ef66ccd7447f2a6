"""Consolidated declarations (汇总申报): last month's cleared lists, merged into declarations.

Customs merges; what is merged here is a rehearsal of it, to be looked at before the lists are
named to customs (CEB701) and to be compared with what customs made of them (CEB792).
"""
