"""What a hostile file is, and what may become of it."""

from dataclasses import dataclass

ACCEPT, REFUSE, ASK, ANY = "accept", "refuse", "ask", "any"
"""``any``: it may be read or refused; what counts is that it is soon, whole and coded."""

ASKED = ("ENCODING_AMBIGUOUS", "UNKNOWN_LAYOUT", "HEADER_CHANGED")


@dataclass(frozen=True)
class Case:
    """A file, what must become of it, and how many physical rows it has, where that is known."""

    name: str
    data: bytes
    fate: str
    rows: int | None = None
    codes: tuple[str, ...] = ()
    file_name: str = "file"
    heavy: bool = False


def accept(name: str, data: bytes, rows: int | None = None, file_name: str = "file") -> Case:
    return Case(name, data, ACCEPT, rows, file_name=file_name)


def refuse(
    name: str, data: bytes, *codes: str, file_name: str = "file", heavy: bool = False
) -> Case:
    return Case(name, data, REFUSE, None, codes, file_name, heavy)
