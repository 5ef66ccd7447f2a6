"""The envelope (DXP 信封) in which the data exchange platform carries a message.

Source: XSD of the terminal node (终端节点报文定义) of 2022-05. ``Data`` is the whole message,
signature and all, in base64; ``CopMsgId`` is the sender's own number of it, which a CEB900
names when the message breaks its schema.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from xml.sax.saxutils import escape

from lxml import etree

from xborder.clock import SHANGHAI

NAMESPACE = "http://www.chinaport.gov.cn/dxp"
EXPORT = "DXPEDCCEB0000003"
"""Where export messages go: the platform's own receiver, the same for all senders."""

# Name of the element, its most characters.
_LENGTHS = {"CopMsgId": 255, "SenderId": 16, "ReceiverId": 16, "MsgType": 30, "FileName": 255}


class EnvelopeError(ValueError):
    """What is said to be an envelope and is none; the text says why."""


@dataclass(frozen=True)
class Envelope:
    """What an envelope says, and what is in it (``data``, bytes of one message or several)."""

    message_id: str
    sender: str
    receivers: tuple[str, ...]
    created: str
    kind: str
    data: bytes


def wrap(
    content: bytes,
    message_id: str,
    sender: str,
    kind: str,
    created: datetime,
    receivers: tuple[str, ...] = (EXPORT,),
    file_name: str = "",
) -> bytes:
    """A message of a kind (``CEB603``) in an envelope, UTF-8; the same input, the same bytes.

    ``message_id``: the message's root guid; ``sender``: the sender's ``dxpId``. Raises
    ValueError for what the XSD does not allow.
    """
    if not 1 <= len(receivers) <= 5:
        raise ValueError(f"an envelope has 1 to 5 receivers, not {len(receivers)}")
    local = created.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M:%S")
    told = "".join(
        f"<dxp:ReceiverId>{_text('ReceiverId', one)}</dxp:ReceiverId>" for one in receivers
    )
    added = f"<dxp:FileName>{_text('FileName', file_name)}</dxp:FileName>" if file_name else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<dxp:DxpMsg xmlns:dxp="{NAMESPACE}" ver="1.0">\n'
        f"<dxp:TransInfo><dxp:CopMsgId>{_text('CopMsgId', message_id)}</dxp:CopMsgId>"
        f"<dxp:SenderId>{_text('SenderId', sender)}</dxp:SenderId>"
        f"<dxp:ReceiverIds>{told}</dxp:ReceiverIds>"
        f"<dxp:CreatTime>{local}</dxp:CreatTime>"
        f"<dxp:MsgType>{_text('MsgType', f'{kind}Message')}</dxp:MsgType></dxp:TransInfo>\n"
        f"<dxp:Data>{base64.b64encode(content).decode()}</dxp:Data>\n"
        + (f"<dxp:AddInfo>{added}</dxp:AddInfo>\n" if added else "")
        + "</dxp:DxpMsg>\n"
    ).encode()


def _text(element: str, value: str) -> str:
    if not 1 <= len(value) <= _LENGTHS[element]:
        raise ValueError(f"DxpMsg {element}: 1 to {_LENGTHS[element]} characters, not {value!r}")
    return escape(value)


def opened(root: etree._Element) -> Envelope:
    """What is in a parsed envelope (``DxpMsg``, or the server's ``DxpMsgSv`` around it).

    Raises EnvelopeError.
    """
    found: dict[str, list[str]] = {}
    for one in root.iter():
        found.setdefault(etree.QName(one).localname, []).append((one.text or "").strip())
    data = found.get("Data", [])
    if len(data) != 1:
        raise EnvelopeError(f"{len(data)} elements Data, not one")
    try:
        content = base64.b64decode(re.sub(r"\s+", "", data[0]), validate=True)
    except (binascii.Error, ValueError) as error:
        raise EnvelopeError(f"Data is no base64: {error}") from error

    def first(name: str) -> str:
        return found.get(name, [""])[0]

    return Envelope(
        message_id=first("CopMsgId"),
        sender=first("SenderId"),
        receivers=tuple(found.get("ReceiverId", [])),
        created=first("CreatTime"),
        kind=first("MsgType").removesuffix("Message"),
        data=content,
    )
