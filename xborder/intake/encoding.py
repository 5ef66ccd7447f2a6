"""Which encoding a delimited file is in: a ladder of proofs, never a guess.

Byte order mark, strict UTF-8, then strict GB18030 when common hanzi dominate what it yields;
anything else is refused with the offset of the first byte that fits nothing. Detectors were
measured on small order files and are wrong too often to be asked.
"""

import codecs

from xborder.intake.limits import refuse

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, ""),
    (codecs.BOM_UTF32_BE, ""),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
COMMON_SHARE = 0.7


def decode(data: bytes) -> tuple[str, str]:
    """Text and name of the encoding.

    Raises Refused with ENCODING_UNKNOWN (offset of the first byte that does not fit) or
    NUL_BYTES.
    """
    for mark, name in MARKS:
        if data.startswith(mark):
            if not name:
                refuse("ENCODING_UNKNOWN", offset=0, value="UTF-32")
            try:
                text = data[len(mark) :].decode(name)
            except UnicodeDecodeError as error:
                refuse("ENCODING_UNKNOWN", offset=error.start + len(mark), value=name)
            return _without_nul(text), name
    if b"\0" in data:
        refuse("NUL_BYTES", offset=data.index(b"\0"))
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        failed_at = error.start
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        refuse("ENCODING_UNKNOWN", offset=failed_at, value=data[failed_at : failed_at + 4].hex(" "))
    if not _mostly_common_hanzi(text):
        refuse("ENCODING_UNKNOWN", offset=failed_at, value=data[failed_at : failed_at + 4].hex(" "))
    return text, "gb18030"


def decoded_start(data: bytes, name: str) -> bytes:
    """The byte order marks (one, or several that tools have piled up) before the text."""
    mark = "\ufeff".encode(name)
    length = 0
    while data.startswith(mark, length):
        length += len(mark)
    return data[:length]


def _without_nul(text: str) -> str:
    if "\0" in text:
        refuse("NUL_BYTES", offset=text.index("\0"))
    return text


def _mostly_common_hanzi(text: str) -> bool:
    """Whether the 3,755 common hanzi (GB2312 level 1) make up most of what is not ASCII.

    Any pair of high bytes is *some* character of GB18030; only real Chinese yields mainly
    common ones.
    """
    beyond = [character for character in text if not character.isascii()]
    hanzi = common = 0
    for character in beyond:
        try:
            pair = character.encode("gb2312")
        except UnicodeEncodeError:
            hanzi += 1
            continue
        if pair[0] >= 0xB0:
            hanzi += 1
            common += pair[0] <= 0xD7
    return hanzi > 0 and common >= COMMON_SHARE * hanzi
