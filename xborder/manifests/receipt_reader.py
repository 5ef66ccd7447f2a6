"""The one reader of CEB messages (读报文): customs' answers, and our own messages again.

A file holds one message or several, one after another or in an envelope (``dxp``). The reader
goes by the field tables: elements of a head are told by name, lines as lists of such tellings;
what no table knows is kept as well. It takes what customs really sends: an empty ``preNo``, a
missing ``gseqno``, any prefix or namespace or none, GB18030. It refuses what no customs sends: a
document type, entities, an element twice. Nothing outside the file is ever read.

Source of the rules: OWASP ASVS 5.0 V1.5 (XML); CEB specification of 2022-05.
"""

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from xml.parsers import expat

from lxml import etree

from xborder.manifests import dxp, messages

LARGEST = 64 << 20
"""Bytes of a receipt file, and of the messages in its envelope."""

DEEPEST = 12
"""Levels below the root; CEB has three, a signature five."""

SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"

Entity = Mapping[str, "str | list[Entity] | None"]
"""Element → its text; None where it is empty. Lines: the name of their element → one each."""


class ReceiptError(ValueError):
    """A file that cannot be read: the code of the finding, and where or why."""

    def __init__(self, code: str, where: str) -> None:
        super().__init__(f"{code}: {where}")
        self.code = code
        self.where = where


@dataclass(frozen=True)
class Answers:
    """A message that was read.

    ``kind``: as ``CEB604``. ``guid``: of its root; empty if it has none. ``entities``: what it
    says, one each, head and lines together. ``beside``: what stands
    beside them (BaseTransfer, BaseSubscribe), by name. ``signed``: a signature is in it, which
    nobody has looked at. ``message_id``: of the envelope it came in.
    """

    kind: str
    guid: str
    entities: list[Entity]
    beside: Mapping[str, list[Entity]]
    signed: bool = False
    message_id: str = ""


def read(content: bytes, largest: int = LARGEST) -> list[Answers]:
    """The messages of a receipt file, in its order; one at least.

    Raises ReceiptError: RECEIPT_TOO_LARGE, RECEIPT_CUT_OFF (or empty), RECEIPT_NOT_XML,
    RECEIPT_ENCODING, RECEIPT_HAS_DOCTYPE, RECEIPT_KIND_UNKNOWN, RECEIPT_ENVELOPE,
    RECEIPT_ELEMENT_TWICE, RECEIPT_SAYS_NOTHING.
    """
    found = []
    for root in _roots(content, largest):
        if _local(root.tag) in ("DxpMsg", "DxpMsgSv"):
            try:
                envelope = dxp.opened(root)
            except dxp.EnvelopeError as error:
                raise ReceiptError("RECEIPT_ENVELOPE", str(error)) from error
            inside = _roots(envelope.data, largest)
            found += [_answers(one, envelope.message_id) for one in inside]
        else:
            found.append(_answers(root, ""))
    return found


def _roots(content: bytes, largest: int) -> Iterator[etree._Element]:
    """The root elements of a file."""
    if len(content) > largest:
        raise ReceiptError("RECEIPT_TOO_LARGE", f"{len(content)} > {largest} bytes")
    text = _utf8(content)
    try:
        roots = [_parsed(text)]
    except etree.XMLSyntaxError as error:
        # Several messages, one after another, are no XML document, but each of them is one.
        roots = []
        for one in _split(text):
            try:
                roots.append(_parsed(one))
            except etree.XMLSyntaxError:
                raise ReceiptError("RECEIPT_NOT_XML", str(error)) from error
        if not roots:
            raise ReceiptError("RECEIPT_NOT_XML", str(error)) from error
    yield from roots


def _parsed(text: bytes) -> etree._Element:
    # The text is UTF-8 by now, whatever it declares.
    text = text.removeprefix(codecs.BOM_UTF8)
    if declared := _DECLARED.match(text):
        text = text[declared.end() :]
    if prolog := _DOCTYPE.match(text):
        raise ReceiptError("RECEIPT_HAS_DOCTYPE", f"byte {prolog.end()}")
    # A parser is made for each document: one that failed is not asked again.
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        remove_comments=True,
        remove_pis=True,
        huge_tree=len(text) > _HUGE,
        strip_cdata=True,
    )
    root = etree.fromstring(text, parser)
    if root.getroottree().docinfo.doctype:
        raise ReceiptError("RECEIPT_HAS_DOCTYPE", "line 1")
    return root


_DOCTYPE = re.compile(rb"(?:\s|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE", re.DOTALL)
# libxml2 refuses a text of more than 10 MB without this: a CEB900 holds a whole message.
_HUGE = 10_000_000

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(
    rb"""\s*<\?xml\s[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["'][^>]*?\?>"""
)
# GB18030 has all of the two older ones, and files declare these and hold more.
_CHINESE = {"gb2312": "gb18030", "gbk": "gb18030", "gb18030": "gb18030", "cp936": "gb18030"}


def _utf8(content: bytes) -> bytes:
    """The bytes in UTF-8, without a declaration that says something else."""
    encoding = "utf-8"
    for mark, name in _BOMS:
        if content.startswith(mark):
            content, encoding = content[len(mark) :], name
            break
    else:
        if declared := _DECLARED.match(content):
            encoding = declared[1].decode().lower()
            encoding = _CHINESE.get(encoding, encoding)
    try:
        text = content.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise ReceiptError("RECEIPT_ENCODING", f"{encoding}: {error}") from error
    if not text.strip("\ufeff \t\r\n"):
        raise ReceiptError("RECEIPT_CUT_OFF", "empty")
    plain = content if encoding == "utf-8" else text.encode()
    return plain.strip()


_CUT_OFF = {
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
    expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
}
_NEXT = {
    expat.errors.codes[expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT],
    expat.errors.codes[expat.errors.XML_ERROR_MISPLACED_XML_PI],
}


def _split(text: bytes) -> Iterator[bytes]:
    """Documents that stand one after another, each by itself; ReceiptError for what is none."""
    start = 0
    while start < len(text):
        stop = _end(text, start)
        yield text[start:stop]
        start = stop


def _end(text: bytes, start: int) -> int:
    """Where the document ends that begins at ``start``: where a parser says that it should."""
    parser = expat.ParserCreate("UTF-8")

    def doctype(*_said: object) -> None:
        raise ReceiptError("RECEIPT_HAS_DOCTYPE", f"byte {start + parser.CurrentByteIndex}")

    parser.StartDoctypeDeclHandler = doctype
    at, bite = start, 1 << 12
    try:
        while at < len(text):
            parser.Parse(text[at : at + bite], at + bite >= len(text))
            at, bite = at + bite, min(2 * bite, 1 << 16)
    except expat.ExpatError as error:
        at = start + parser.ErrorByteIndex
        if at > start and (error.code in _NEXT or text.startswith(codecs.BOM_UTF8, at)):
            return at
        if error.code in _CUT_OFF and text.startswith(b"<", start):
            raise ReceiptError("RECEIPT_CUT_OFF", f"byte {len(text)}") from error
        raise ReceiptError("RECEIPT_NOT_XML", f"byte {at}: {error}") from error
    return len(text)


@lru_cache(4096)
def _local(tag: str) -> str:
    """A name without its namespace, whatever that is."""
    return tag.rpartition("}")[2]


_KIND = re.compile(r"(CEB[0-9]{3})Message", re.ASCII)


@dataclass(frozen=True)
class _Form:
    """A kind as the reader needs it: its entity, its heads, its elements with a value."""

    kind: str
    entity: str
    heads: frozenset[str]
    leaves: frozenset[str]


@cache
def _form(root: str) -> _Form:
    named = _KIND.fullmatch(root)
    kind = named[1] if named else ""
    try:
        table = messages.fields(kind)
    except ValueError:
        raise ReceiptError("RECEIPT_KIND_UNKNOWN", root[:80]) from None
    return _Form(
        kind,
        next(one.element for one in table if one.sources == ("heads",) and one.parent == root),
        frozenset(one.element for one in table if one.type == "node" and one.parent != root),
        frozenset(one.element for one in table if one.type not in ("node", "each")),
    )


def _answers(root: etree._Element, message_id: str) -> Answers:
    """What a message says."""
    form = _form(_local(root.tag))
    entities: list[Entity] = []
    beside: dict[str, list[Entity]] = {}
    signatures = root.findall(SIGNATURE)
    for each in signatures:
        root.remove(each)
    for one in root:
        if (name := _local(one.tag)) == form.entity:
            entities.append(_told(one, form))
        else:
            beside.setdefault(name, []).append(_told(one, form))
    if not entities and form.leaves.intersection(beside):
        # The specification's table of CEB900 leaves out the level of its entity.
        entities, beside = [_told(root, form)], {}
    if not entities or not all(entities):
        raise ReceiptError("RECEIPT_SAYS_NOTHING", f"{form.kind}Message")
    return Answers(form.kind, root.get("guid", ""), entities, beside, bool(signatures), message_id)


def _told(node: etree._Element, form: _Form, depth: int = 1) -> Entity:
    """An element's children by name: text, or what is below them; a head is no level of its own.

    Of an element that the tables know there is one. What they do not know may stand several
    times; then each text is a telling of its own, below the empty name.
    """
    if depth > DEEPEST:
        raise ReceiptError("RECEIPT_NOT_XML", f"more than {DEEPEST} levels")
    told: dict[str, str | list[Entity] | None] = {}
    for one in node:
        name = _local(one.tag)
        if name in form.leaves or not len(one):
            # Mixed content is none of customs' own; nothing of it is lost.
            text = "".join(one.itertext()) if len(one) else one.text
            text = None if text is None or text.isspace() else text
            if name not in told:
                told[name] = text
            elif name in form.leaves:
                raise ReceiptError("RECEIPT_ELEMENT_TWICE", name)
            else:
                _lines(told, name).append({"": text})
        elif name in form.heads:
            for below, said in _told(one, form, depth + 1).items():
                if below in told:
                    raise ReceiptError("RECEIPT_ELEMENT_TWICE", below[:80])
                told[below] = said
        else:
            _lines(told, name).append(_told(one, form, depth + 1))
    return told


def _lines(told: dict[str, "str | list[Entity] | None"], name: str) -> list[Entity]:
    """The list of what stands several times; a text that stood alone becomes its first."""
    lines = told.setdefault(name, [])
    if not isinstance(lines, list):
        lines = told[name] = [{"": lines}]
    return lines
