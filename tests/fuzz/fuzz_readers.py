"""Coverage-guided fuzzing of the readers with atheris, which is no dependency of the project.

    pip install atheris
    python tests/fuzz/fuzz_readers.py text|json|sheet|strings|archive|xls FOLDER -max_total_time=600

``FOLDER`` keeps what was found to reach new code. Any exception but a coded refusal, a row that
is lost, and an input that takes longer than ``-timeout`` is a crash; its bytes are then written
into the current folder. ``tests/intake/test_intake_fuzzed.py`` runs the same on random input.
"""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS / "intake"), str(TESTS.parent)]

import atheris  # noqa: E402

with atheris.instrument_imports(include=["xborder.intake"]):
    import fuzzed


def main() -> None:
    """Fuzz one reader."""
    target, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(fuzzed.seeds(target)):
        (folder / f"seed{number}").write_bytes(seed)
    atheris.Setup(
        [sys.argv[0], str(folder), "-rss_limit_mb=1500", "-timeout=20", *sys.argv[3:]],
        lambda data: fuzzed.read(target, bytes(data)),
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
