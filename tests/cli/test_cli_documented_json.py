"""The tables of ``docs/json.md`` name exactly the keys that the commands print, and their types."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import customs_answers
import pytest
from pipeline_homes import EXAMPLES, command, make_home
from receipt_homes import answer
from typer.testing import CliRunner

from xborder.cli import app

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[2] / "docs" / "json.md"
EXPORTER, SHOP = "pingyuan-mujia", "overseas-de"
DAYS = ("2026-11-14", "2026-11-18", "2026-11-22")

KINDS = {"number": float, "text": str, "integer": int, "boolean": bool, "null": type(None)}
TEXTS = {
    "decimal text": r"-?[0-9]+(\.[0-9]+)?(E[+-][0-9]+)?",
    "day": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "instant": r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:]{8}[+][0-9]{2}:00",
}


def documented(section: str) -> dict[str, str]:
    """Key → type of the table under a heading."""
    parts = re.split(r"^## ", DOCS.read_text("utf-8"), flags=re.MULTILINE)
    (text,) = (one for one in parts if one.splitlines()[0].strip("` ") == section)
    rows = re.findall(r"^\| `([^`]+)` \| ([a-z ]+) \|", text, flags=re.MULTILINE)
    assert rows and len(rows) == len(dict(rows)), section
    return dict(rows)


def leaves(value: Any, maps: set[str], path: str = "") -> Iterator[tuple[str, Any]]:
    """Paths of all values; keys of the objects in ``maps`` depend on the data."""
    if isinstance(value, dict):
        for key, inner in value.items():
            name = "<>" if path in maps else key
            yield from leaves(inner, maps, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, maps, f"{path}[]")
    else:
        yield path, value


def is_a(value: Any, kind: str) -> bool:
    """Whether a value is of a documented type."""
    if kind in TEXTS:
        return isinstance(value, str) and re.fullmatch(TEXTS[kind], value) is not None
    return type(value) is KINDS[kind]


def compare(section: str, *printed: str) -> None:
    """The documented keys are those of the outputs together, and every value is of its type."""
    table = documented(section)
    general = {re.sub("<[a-z]+>", "<>", key): kind for key, kind in table.items()}
    maps = {key[: at.start()] for key in general for at in re.finditer(r"\.<>", key)}
    found = defaultdict(list)
    for text in printed:
        for path, value in leaves(json.loads(text), maps):
            found[path].append(value)
    assert set(found) == set(general)
    for path, values in found.items():
        kinds = general[path].split(" or ")
        wrong = [one for one in values if not any(is_a(one, kind) for kind in kinds)]
        assert not wrong, f"{path}: {wrong[:3]} are no {general[path]}"


def printed(*words: str, codes: tuple[int, ...] = (0,)) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code in codes, result.output
    return str(result.stdout)


MISTYPED = """\
订单编号,行号,下单时间,商品货号,数量,单价,币制,运抵国
MT-1,1,2026-11-10 07:20:11,PY-BMT-01,1,4.80,USD,Germny
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with issued manifests of both kinds and a warehouse's movements."""
    made = make_home(tmp_path_factory.mktemp("json") / "home", SHOP, exporter=EXPORTER)
    command(made, "run", "--date", "2026-11-22")
    return made


def test_check(tmp_path: Path) -> None:
    mistyped = tmp_path / "orders.csv"
    mistyped.write_text(MISTYPED, "utf-8")
    landing = EXAMPLES / "landing" / "dapu-ciyun"
    files = [next(landing.glob(name)) for name in ("shopify-us/02_*", "b2b/03_*")]
    compare(
        "xborder check FILE --json",
        *(printed("check", str(file), "--json", codes=(1, 2)) for file in (*files, mistyped)),
    )


def test_mapping(tmp_path: Path) -> None:
    """A sheet of one's own, and a channel's file with a header renamed."""
    own = tmp_path / "erp.csv"
    own.write_text(
        "订单号,平台单号,SKU,产品数量,买家姓名,销售单价（USD）,产品规格\nA,B,C-1,2,张,5,红\n",
        "utf-8",
    )
    renamed = tmp_path / "orders.csv"
    heads = (
        "Name,Email,Financial Status,Paid at,Fulfillment Status,Currency,Subtotal,Shipping,Taxes,"
        "Total,Created at,Lineitem qty,Lineitem name,Lineitem price,Lineitem sku,Shipping Country"
    )
    renamed.write_text(f"{heads}\n{'x,' * 15}x\n", "utf-8")
    compare(
        "xborder mapping propose FILE --json",
        *(printed("mapping", "propose", str(file), "--json") for file in (own, renamed)),
    )


def test_manifests(home: Path) -> None:
    compare("xborder manifests --json", printed("manifests", "--json", "--home", str(home)))


def test_manifests_show_and_receive(home: Path, tmp_path: Path) -> None:
    """A list that customs approved, one that it moved nowhere, a file that is no receipt."""
    listed = json.loads(printed("manifests", "--json", "--home", str(home)))
    number = next(one["number"] for one in listed if one["kind"] == "lists")
    words = ("manifests", "show", number, "--json", "--home", str(home))
    one, *_ = json.loads(printed(*words))["lists"]
    told = [answer(one["cop_no"], status, 1, ebcCode="") for status in ("399", "501")]
    (tmp_path / "a.xml").write_bytes(customs_answers.answers(told))
    (tmp_path / "b.xml").write_bytes(b"nothing")
    files = [str(tmp_path / name) for name in ("a.xml", "b.xml")]
    received = printed("receive", *files, "--json", "--home", str(home), codes=(1,))
    compare("xborder receive --json", received)
    shown = printed(*words)
    compare("xborder manifests show NUMBER --json", shown)
    (again,) = [each for each in json.loads(shown)["lists"] if each["cop_no"] == one["cop_no"]]
    assert (again["state"], again["status"], again["also"]) == ("approved", "399", "501")
    assert again["invt_no"].startswith("60412026E")


def test_manifest_json(home: Path) -> None:
    indexes = [path.read_text("utf-8") for path in (home / "manifests").rglob("manifest.json")]
    assert {json.loads(text)["kind"] for text in indexes} == {"lists", "declarations"}
    compare("manifest.json", *indexes)


def test_stock(home: Path) -> None:
    days = [printed("stock", "--json", "--home", str(home), "--date", day) for day in DAYS]
    compare("xborder stock --json", *days)


def test_facts(home: Path) -> None:
    printed("facts", "refuse", "notice", "eudr_all", "--by", "Li", "--home", str(home))
    compare("xborder facts --json", printed("facts", "--json", "--home", str(home)))


def test_fix(home: Path) -> None:
    """An order of a mistyped country, another's word that was given a code."""
    (home / "landing" / EXPORTER / SHOP / "mistyped.csv").write_text(MISTYPED, "utf-8")
    command(home, "run", "--date", "2026-11-22", "--no-cutoff")
    printed("fix", "country", "Allemagne d'Est", "DE", "--by", "Li", "--home", str(home))
    compare("xborder fix --json", printed("fix", "--json", "--home", str(home)))


def test_findings() -> None:
    compare("xborder findings --json", printed("findings", "--json"))
