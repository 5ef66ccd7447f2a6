"""How far a document is at customs (回执状态): a pure function of the set of its receipts.

Receipts repeat, come late and out of order. So a state is never moved by one receipt: it is
worked out of all of them, sorted by customs' own time (``returnTime``; ties by rank), and
whoever has the same receipts has the same state, in whatever order, files or repeats they came
(R32). A state only moves forward in rank; an inspection (500) may end in manual review (300),
approval (399) or refusal. What a code means, the states' ranks and their words are tables:
``return_status``, ``customs_error``, ``customs_state``.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple
from zlib import crc32

from xborder.schemas.tables import Tables

UNSENT, SENT = "unsent", "sent"
FAILED, REFUSED, APPROVED, ACCEPTED = "failed", "refused", "approved", "accepted"
INSPECTED, RELEASED, CLEARED = "inspected", "released", "cleared"
CANCELLED, RETURNED = "cancelled", "returned"

LIST, ORDER, CANCELLATION, RETURN = "603", "303", "605", "213"
"""Kinds of documents that make the state of a list: its own, and those that set it aside."""

NO_STATE = ("792",)
"""Answers whose status is not the state of the document they name: it is the declaration's."""

NOT_SENT = "4"
"""Customs' code of ``failed``; it stands for every answer that says a document did not arrive."""

FORMAT_REFUSED = "900"
"""The answer to a message that customs could not read: none of its documents has arrived."""

MANUAL = "manual"
_AFTER_INSPECTION = (MANUAL, APPROVED, ACCEPTED, REFUSED)

_STATUS = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_NEGATIVE = re.compile(r"-[0-9]{1,9}", re.ASCII)
_CODE_IN_TEXT = re.compile(r"\[\s*(-[0-9]{4,9})\s*\]|(?:Code|code|代码)\s*[:：]\s*(-[0-9]{4,9})")
_REPEATED = re.compile("重复申报|重复报送|主键重复|已经?申报过|已经?存在|旧报文")
"""Words of an answer that speaks of a document which customs already has."""

AGAIN, REPEAT = "again", "repeat"
"""Effects of an error: the document did not arrive through no fault of its content; or it is
there already, and the answer says nothing new of it."""


class Answer(NamedTuple):
    """What one receipt says: its ``returnTime`` (ISO 8601, UTC; empty: unreadable), the status,
    the text of a refusal, and the numbers that the e-port and customs gave."""

    at: str
    kind: str
    status: str
    info: str = ""
    pre_no: str = ""
    customs_no: str = ""


class Standing(NamedTuple):
    """Where a document stands: its state, customs' code for it, since when, and its numbers."""

    state: str
    status: str
    at: str
    pre_no: str
    customs_no: str


NOWHERE = Standing("", "", "", "", "")
"""A document of which no receipt tells a state."""


@dataclass(frozen=True, eq=False)
class Rules:
    """What statuses and error codes mean, by the tables of a day."""

    tables: Tables

    @cached_property
    def ranks(self) -> dict[str, int]:
        """State → its rank; states that no answer gives have none."""
        rows = self.tables.codes("customs_state").select("code", "rank").drop_nulls()
        return {code: int(rank) for code, rank in rows.iter_rows()}

    @cached_property
    def words(self) -> dict[str, tuple[str, str]]:
        """State → its words in Chinese and English."""
        rows = self.tables.codes("customs_state").select("code", "name", "name_en")
        return {code: (zh, en or zh) for code, zh, en in rows.iter_rows()}

    @cached_property
    def _states(self) -> dict[str, tuple[str, str]]:
        rows = self.tables.codes("return_status").select("code", "list_state", "document_state")
        return {code: (of_list or "", other or "") for code, of_list, other in rows.iter_rows()}

    @cached_property
    def mark(self) -> int:
        """A number that stands for what the tables say of states: another one says that
        documents may stand elsewhere now."""
        told = [
            repr(self.tables.codes(name).rows())
            for name in ("customs_state", "return_status", "customs_error")
        ]
        return crc32("".join(told).encode())

    @cached_property
    def _steps(self) -> dict[tuple[str, str, str], tuple[str, int]]:
        return {}

    @cached_property
    def _statuses(self) -> dict[str, tuple[str, str]]:
        rows = self.tables.codes("return_status").select("code", "name", "name_en")
        return {code: (zh, en or zh) for code, zh, en in rows.iter_rows()}

    @cached_property
    def _errors(self) -> dict[str, tuple[str, str, str]]:
        rows = self.tables.codes("customs_error").select("code", "name", "name_en", "effect")
        return {code: (zh, en or zh, effect or "") for code, zh, en, effect in rows.iter_rows()}

    def known(self, status: str) -> bool:
        """Whether a status means something: a code of the table, or a negative number."""
        return status in self._states or _NEGATIVE.fullmatch(status) is not None

    def error(self, status: str, info: str = "") -> str:
        """The error code of an answer: its status, or what its text names in brackets."""
        if _NEGATIVE.fullmatch(status):
            return status
        found = _CODE_IN_TEXT.search(info)
        return (found[1] or found[2]) if found else ""

    def meaning(self, status: str, info: str = "") -> tuple[str, str]:
        """What a status or the error code of its text means, in Chinese and English."""
        error = self._errors.get(self.error(status, info))
        if error is not None:
            return error[:2]
        return self._statuses.get(status, ("", ""))

    def state(self, document: str, answer: Answer) -> str:
        """The state to which an answer speaks for a kind of document; empty: to none.

        An answer that says the document is there already moves nothing, and neither does an
        unknown code: it is kept and shown.
        """
        return self._step(document, answer)[0]

    def _step(self, document: str, answer: Answer) -> tuple[str, int]:
        if answer.info:
            return self._spoken(document, answer)
        # All but refusals say it by their code alone; there are few codes.
        said = (document, answer.kind, answer.status)
        step = self._steps.get(said)
        if step is None:
            step = self._steps[said] = self._spoken(document, answer)
        return step

    def _spoken(self, document: str, answer: Answer) -> tuple[str, int]:
        """The state and its rank, which is that of the same code for a list: so a refusal stands
        against an acceptance by 120, and an approval against a refusal."""
        if answer.kind in NO_STATE or not _STATUS.fullmatch(answer.status):
            return "", 0
        of_list, other = self._states.get(answer.status, ("", ""))
        told = of_list if document == LIST else other
        if answer.kind == FORMAT_REFUSED:
            told = of_list = FAILED if answer.status.startswith("-") else ""
        elif answer.status.startswith("-") or told == REFUSED:
            told = of_list = self._refusal(answer)
        return told, self.ranks.get(of_list, 0)

    def _refusal(self, answer: Answer) -> str:
        error = self._errors.get(self.error(answer.status, answer.info))
        effect = error[2] if error else ""
        # 'already there' counts by its code, or by its words where the code is not known.
        if effect == REPEAT or (not error and _REPEATED.search(answer.info)):
            return ""
        return FAILED if effect == AGAIN else REFUSED

    def standing(
        self, document: str, answers: Iterable[Answer], before: Standing = NOWHERE
    ) -> Standing:
        """Where a document stands after these answers, in whatever order they are given.

        ``before`` is where it stood after others, all of which are earlier than these: so a new
        answer need not be seen together with all that came before it.
        """
        told = [(one.at, rank, one.status, one.info, one.pre_no, one.customs_no, state, one)
                for one in answers for state, rank in [self._step(document, one)]]  # fmt: skip
        told.sort(key=lambda one: one[:6])
        now, status, at, pre_no, customs_no = before
        reached = self._reached(document, before)
        for when, rank, code, _, _, _, state, one in told:
            pre_no, customs_no = one.pre_no or pre_no, one.customs_no or customs_no
            back = now == INSPECTED and state in _AFTER_INSPECTION
            if state and (rank >= reached or back):
                now, reached, at = state, rank, when
                status = NOT_SENT if state == FAILED else code
        return Standing(now, status, at, pre_no, customs_no)

    def _reached(self, document: str, stands: Standing) -> int:
        """The rank of the answer that made a document stand where it does."""
        if stands.state in ("", FAILED, REFUSED):
            return self.ranks.get(stands.state, 0)
        return self.ranks.get(self._states.get(stands.status, ("",))[0], 0)

    def of_status(self, document: str, status: str | None) -> str:
        """The state of a document whose ``Standing.status`` is known; empty without one."""
        if not status:
            return ""
        if status.startswith("-"):
            return REFUSED
        of_list, other = self._states.get(status, ("", ""))
        return of_list if document == LIST else other

    def of_list(
        self, status: str | None, *, sent: bool, failed: bool = False, cancelled: bool = False,
        returned: bool = False, document: str = LIST,
    ) -> str:  # fmt: skip
        """The state of a list: what customs says, or how far its message is; set aside by an
        accepted cancellation (605) or return (213)."""
        if cancelled:
            return CANCELLED
        if returned:
            return RETURNED
        told = self.of_status(document, status)
        if told:
            return told
        return SENT if sent else FAILED if failed else UNSENT

    def of_manifest(self, counts: Mapping[str, int]) -> str:
        """One word for the lists of a manifest, counted by state: what needs a hand first, then
        the state that the last of them has reached; empty without lists."""
        present = {state for state, number in counts.items() if number}
        for state in (FAILED, REFUSED):
            if state in present:
                return state
        on_the_way = present - {CANCELLED, RETURNED} or present
        order = [UNSENT, SENT, *sorted(self.ranks, key=self.ranks.__getitem__)]
        order += [RETURNED, CANCELLED]
        return min(on_the_way, key=order.index, default="")

    def accepting(self) -> tuple[str, ...]:
        """The codes that mean success for a document that is no list (120 or 399, and later)."""
        return tuple(sorted(code for code, (_, other) in self._states.items() if other == ACCEPTED))
