"""Encodings of small files: never read wrongly; where nothing decides, asked about."""

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intake_files import codes, csv_bytes, read_here

from xborder.intake import encoding
from xborder.intake.limits import Refused

WORDS = {
    "cp1252": (
        "Weißbierglas|Übergröße|Jürgen Schröder|Rue de l'Église|crème brûlée|Gießkanne|Fußmatte|"
        "Montréal|Besançon|Mère Noël|Corazón|Bogotá|Muñeca|João Araújo|Avenida Paulista, 5º|"
        "Forlì|Perù|Göteborg|Malmö|Århus|Tromsø|smørbrød|façonné|Vélo bleu|Kühlschrank|"
        "Hôtel du Nord|Genève|Düsseldorf|9,90 €|Größe 42½|ÖSTERREICH|Pâtisserie"
    ),
    "gb18030": (
        "台灯|落地音响|缝纫机|羽绒服|不锈钢水壶|玻璃花瓶|沙发垫|浙江省义乌市|王小二|赵丽|灰色|"
        "粉色 中号|充电宝|锂电池|毛绒玩具|保温杯|雨伞|洗衣袋|鼠标垫|耳机|床头柜|梅县区|丰顺县|"
        "扳手|插座|台历|筷子|围巾"
    ),
    "cp932": (
        "鈴木一郎|北海道札幌市|マグカップ|湯呑み|ヘッドホン|木のおもちゃ|白い花瓶|佐藤花子|"
        "福岡県|ありがとうございます|テーブルクロス|箸置き|愛知県名古屋市|カーテン|ランプ"
    ),
    "cp1251": (
        "Новосибирск|Ольга Смирнова|ваза стеклянная|проспект Мира|зелёный|Нижний Новгород|"
        "Львів|стул деревянный|лампа настольная|д. Петрово|Минск|Алматы|наушники|ПОДАРОК|Пловдив"
    ),
    "cp950": (
        "桃園市中壢區|林美玲|耳機|保溫杯|玻璃花瓶|沙發|灰色|屏東縣|王大明|毛絨玩具|台南市|雨傘|"
        "充電器|窗簾|香港九龍|筷子|地毯"
    ),
}


def files(name: str, rows: int, count: int) -> list[bytes]:
    """Order files with ASCII headers and words of one language, made at random, always alike."""
    chance = random.Random(f"{name}{rows}")
    words = WORDS[name if name != "utf-8" else chance.choice(list(WORDS))].split("|")
    made = []
    for number in range(count):
        if name == "utf-8":
            words = WORDS[chance.choice(list(WORDS))].split("|")
        body = [
            [f"A-{number}-{line}", chance.choice(words), chance.choice(words), "2", "19.90"]
            for line in range(rows)
        ]
        made.append(csv_bytes([["order-id", "name", "city", "qty", "price"], *body], name))
    return made


def read_as(data: bytes) -> str:
    try:
        return encoding.decode(data)[1]
    except Refused as refused:
        return refused.finding.code


@pytest.mark.parametrize(
    ("name", "rows"), list(itertools.product([*WORDS, "utf-8"], (1, 3, 10, 50)))
)
def test_no_small_file_is_read_wrongly(name: str, rows: int) -> None:
    read = [read_as(data) for data in files(name, rows, 100)]
    wrong = set(read) - {name, "ENCODING_AMBIGUOUS", "ENCODING_UNKNOWN"}
    assert not wrong
    assert read.count(name) >= (85 if rows == 1 else 98)


def test_valid_utf8_that_reads_as_chinese_in_gbk_is_asked_about() -> None:
    head = ["order-id", "sku", "name"]
    data = csv_bytes([head, ["1", "A", "猫"]], "gb18030")
    assert data.decode("utf-8")
    with pytest.raises(Refused) as refused:
        encoding.decode(data)
    assert refused.value.finding.code == "ENCODING_AMBIGUOUS"
    assert "猫" in refused.value.finding.value
    assert encoding.decode(csv_bytes([head, ["1", "A", "Müller"]]))[1] == "utf-8"


def test_the_channels_own_encodings_decide_what_bytes_leave_open() -> None:
    data = "sku,name\r\nA,杯包\r\n".encode("gb18030")
    assert data.decode("cp950")
    assert encoding.decode(data, ("cp950",))[1] == "cp950"
    assert encoding.decode(data, ("gb18030",))[1] == "gb18030"


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
def test_evidence_does_not_depend_on_where_blocks_end(size: int) -> None:
    for name in [*WORDS, "utf-8"]:
        for data in files(name, 3, 5):
            evidence = encoding.Evidence()
            for start in range(0, len(data), size):
                evidence.feed(data[start : start + size])
            assert evidence.name() == read_as(data)


def test_a_late_wrong_byte_is_refused_at_its_offset() -> None:
    data = "order,名\r\n".encode() + b"1,a\r\n" * 1000 + b"2,\xff\xff\xff\r\n"
    with pytest.raises(Refused) as refused:
        encoding.decode(data)
    assert refused.value.finding.code == "ENCODING_UNKNOWN"
    assert refused.value.finding.params["offset"] == str(len(data) - 5)


def test_the_file_says_that_its_encoding_is_doubtful() -> None:
    row = ["DP-1", "2026-04-01", "猫", "1", "1.00", "USD", "US"]
    head = ["order_no", "ordered_at", "sku", "qty", "unit_price", "currency", "country"]
    assert codes(read_here(csv_bytes([head, row], "gb18030"))) == ["ENCODING_AMBIGUOUS"]


@given(
    text=st.text(st.sampled_from("a,\n€é瓷😀"), max_size=30),
    spoilt=st.one_of(st.none(), st.tuples(st.integers(0, 60), st.sampled_from(range(1, 256)))),
    size=st.integers(1, 12),
)
def test_utf8_fails_at_the_same_byte_however_it_is_cut(
    text: str, spoilt: tuple[int, int] | None, size: int
) -> None:
    data = bytearray(text.encode() + b"....")
    if spoilt:
        data[spoilt[0] % (len(data) - 3)] = spoilt[1]
    evidence = encoding.Evidence()
    for at in range(0, len(data), size):
        evidence.feed(bytes(data[at : at + size]))
    expected = None
    try:
        bytes(data).decode()
    except UnicodeDecodeError as error:
        expected = error.start
    assert evidence._failed == expected
