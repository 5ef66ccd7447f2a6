"""How much a reader may take, and how it says no.

The figures are those of the hostile-file study: what real exports need with room to spare,
and what keeps a reader's answer within ten seconds and its memory within its limit.
"""

from dataclasses import dataclass
from typing import NoReturn

from xborder.findings import Finding

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Limits of one reading; bytes, seconds and counts.

    Memory does not grow with a text file, which may be of any size; time does, by so much a
    MiB (``cpu_per_mib``, ``wall_per_mib``). ``file_bytes`` is for
    all other files, ``output_bytes`` for one block, ``block_rows`` for about how many rows that
    is; ``sheets`` are those of a workbook that are recognised.
    """

    file_bytes: int = 256 * MIB
    member_bytes: int = 48 * MIB
    unpacked_bytes: int = 64 * MIB
    members: int = 300
    sheets: int = 100
    columns: int = 512
    field_characters: int = 131_072
    findings: int = 100_000
    memory_bytes: int = 1024 * MIB
    cpu_seconds: int = 20
    cpu_per_mib: float = 0.1
    wall_seconds: float = 40.0
    wall_per_mib: float = 0.3
    output_bytes: int = 512 * MIB
    block_rows: int = 50_000


class Refused(Exception):  # noqa: N818 - it is the file's fate, not our error
    """The file cannot be used; carries the one fatal finding that says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


def refuse(code: str, **places: object) -> NoReturn:
    """Raise ``Refused``; named places are fields of the finding, all others its parameters."""
    known = {"sheet", "row", "cell", "column", "field", "value", "expected"}
    own = {key: value for key, value in places.items() if key in known}
    params = {key: str(value) for key, value in places.items() if key not in known}
    raise Refused(Finding(code, params=params, **own))  # type: ignore[arg-type]
