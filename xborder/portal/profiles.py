"""Exporters and shops that a file can be handed in for (企业与店铺), as the profiles say now."""

from dataclasses import dataclass
from pathlib import Path

from xborder.schemas import exporters
from xborder.schemas.exporters import Exporter, ProfileError


@dataclass(frozen=True)
class Known:
    """Exporters by id, and the file names of profiles that cannot be used."""

    exporters: dict[str, Exporter]
    broken: tuple[str, ...]


class Profiles:
    """The profiles of a folder; a file is read again when it changes, so no restart is needed.

    One broken profile does not close the page to the other exporters.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[Path, tuple[tuple[int, int], Exporter | None]] = {}

    def now(self) -> Known:
        """The profiles as they stand."""
        found: dict[Path, tuple[tuple[int, int], Exporter | None]] = {}
        for path in sorted(self.folder.glob("*.toml")):
            try:
                told = path.stat()
            except FileNotFoundError:
                continue
            mark = (told.st_mtime_ns, told.st_size)
            known = self._read.get(path)
            found[path] = known if known and known[0] == mark else (mark, _load(path))
        self._read = found
        usable = [one for _, one in found.values() if one is not None]
        broken = tuple(path.name for path, (_, one) in found.items() if one is None)
        return Known({one.id: one for one in usable}, broken)


def _load(path: Path) -> Exporter | None:
    try:
        return exporters.load(path)
    except ProfileError:
        return None
