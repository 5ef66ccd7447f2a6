"""Any channel's file → canonical lines (文件接收).

``read_blocks`` takes a file as it is, in a child process with limits, and hands it on block by
block with a ``Head`` at the end; ``read`` gives the same blocks as one ``Reading``;
``read_plain`` gives a file's cells without a layout; ``write_template`` writes the project's
own workbook; ``cell`` names the user's own cell.
Layouts are data in ``layouts/``: a channel is added by a file, not by code.
"""

from xborder.intake.layouts import KINDS
from xborder.intake.limits import Limits
from xborder.intake.nursery import Nursery
from xborder.intake.plain import Plain, read_plain
from xborder.intake.reading import Block, Head, Reading, cell, read, read_blocks
from xborder.intake.template import write_template

__all__ = [
    "KINDS",
    "Block",
    "Head",
    "Limits",
    "Nursery",
    "Plain",
    "Reading",
    "cell",
    "read",
    "read_blocks",
    "read_plain",
    "write_template",
]
