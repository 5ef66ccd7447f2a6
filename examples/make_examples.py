"""Make the example exporters' profiles and files: ``python examples/make_examples.py [FOLDER]``.

``write(folder)`` writes ``exporters/`` and ``landing/`` there, the same bytes every time. What
is planted in them, and what xborder should say, stands in ``README.md`` beside this file.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from making import dapu, fengshun, pingyuan, xingning  # noqa: E402 - found by the line above

EXPORTERS = {
    "dapu-ciyun": dapu,
    "fengshun-shengda": fengshun,
    "pingyuan-mujia": pingyuan,
    "xingning-jinggong": xingning,
}


def write(folder: Path) -> None:
    """Write all profiles and files below ``folder``; existing ones are replaced."""
    profiles = folder / "exporters"
    profiles.mkdir(parents=True, exist_ok=True)
    for name, exporter in EXPORTERS.items():
        (profiles / f"{name}.toml").write_text(exporter.PROFILE, "utf-8", newline="\n")
        exporter.write(folder / "landing")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
