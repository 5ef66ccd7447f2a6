"""The answers of the customs to test against: as documents, and how the mail brings them."""

import random
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

NAMESPACE = "http://www.chinaport.gov.cn/ceb"

Values = dict[str, str]

# Per answer: the entity's element and its elements in the order of the XSD.
ANSWERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "304": ("OrderReturn", ("ebpCode", "ebcCode", "orderNo")),
    "404": ("ReceiptsReturn", ("ebpCode", "ebcCode", "orderNo", "payNo")),
    "506": ("LogisticsReturn", ("logisticsCode", "logisticsNo")),
    "508": (
        "ArrivalReturn",
        ("operatorCode", "logisticsCode", "preNo", "copNo", "billNo", "msgSeqNo"),
    ),
    "510": ("DepartureReturn", ("logisticsCode", "copNo", "preNo", "msgSeqNo")),
    "604": (
        "InventoryReturn",
        (
            "agentCode", "copNo", "preNo", "invtNo", "ebcCode", "ebpCode", "orderNo",
            "statisticsFlag",
        ),
    ),
    "606": ("InvtCancelReturn", ("agentCode", "copNo", "preNo", "invtNo")),
    "608": (
        "WayBillReturn",
        ("agentCode", "logisticsCode", "copNo", "preNo", "billNo", "msgSeqNo"),
    ),
    "702": ("SummaryReturn", ("agentCode", "ebcCode", "copNo", "preNo", "sumNo", "msgSeqNo")),
    "214": ("RefundReturn", ("ebpCode", "ebcCode", "agentCode", "coElNo", "preNo", "invtNo")),
    "216": ("InvtRefundDetailReturn", ("operatorCode", "logisticsCode", "logisticsNo", "coElNo", "preNo")),
}  # fmt: skip

_OPTIONAL = frozenset({"sumNo"})


@dataclass(frozen=True)
class Answer:
    """One answer entity before it is put into a document."""

    kind: str
    values: Values


@dataclass
class Mail:
    """Carries answers: bundled, doubled, shuffled, held back; all by ``seed``.

    What is ``lost`` comes only when it is asked for again (``ask_again``).
    """

    seed: int = 0
    bundle: int = 100
    doubled: float = 0.0
    shuffled: bool = False
    held_back: float = 0.0
    lost: float = 0.0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._sack: list[Answer | bytes] = []
        self._lost: list[Answer | bytes] = []
        self._files = 0

    @property
    def waiting(self) -> bool:
        """Whether answers are under way; what is lost is not."""
        return bool(self._sack)

    def ask_again(self, post: list[Answer | bytes]) -> int:
        """Customs gives what was lost once more; how many answers."""
        post += self._lost
        again, self._lost = len(self._lost), []
        return again

    def collect(self, post: list[Answer | bytes]) -> Iterator[tuple[str, bytes]]:
        """File names and contents of what is delivered now; the rest waits for the next call."""
        waiting, self._sack = self._sack + post, []
        post.clear()
        now: list[Answer | bytes] = []
        for one in waiting:
            if self.lost and self._random.random() < self.lost:
                self._lost.append(one)
                continue
            if self._random.random() < self.held_back:
                self._sack.append(one)
            else:
                now.append(one)
            if self._random.random() < self.doubled:
                self._sack.append(one)
        if self.shuffled:
            self._random.shuffle(now)
        by_kind: dict[str, list[Answer]] = defaultdict(list)
        for one in now:
            if isinstance(one, bytes):
                yield self._name("other"), one
                continue
            by_kind[one.kind].append(one)
            if len(by_kind[one.kind]) == self.bundle:
                yield self._name(one.kind), answers(by_kind.pop(one.kind))
        for kind, rest in by_kind.items():
            yield self._name(kind), answers(rest)

    def _name(self, kind: str) -> str:
        self._files += 1
        return f"CEB{kind}_{self.seed}_{self._files:06d}.xml"


def answers(told: list[Answer]) -> bytes:
    """Answers of one kind as a document."""
    kind = told[0].kind
    named, _ = ANSWERS[kind]
    return document(
        kind,
        "".join(one.values["guid"] for one in told),
        "".join(element(named, elements(one.values)) for one in told),
    )


def document(kind: str, of: str, inside: str) -> bytes:
    root = f"CEB{kind}Message"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<ceb:{root} xmlns:ceb="{NAMESPACE}" guid="{guid(kind, of)}" version="1.0">'
        f"{inside}</ceb:{root}>"
    ).encode()


def element(name: str, inside: str) -> str:
    return f"<ceb:{name}>{inside}</ceb:{name}>"


def elements(values: Mapping[str, str]) -> str:
    return "".join(
        element(name, escape(value))
        for name, value in values.items()
        if value or name not in _OPTIONAL
    )


def guid(*parts: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join(parts))).upper()
