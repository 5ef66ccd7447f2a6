"""``send``, ``depart``, ``cancel``, ``amend``, ``ignore``, ``resend``, ``return``."""

import json
from pathlib import Path

import pytest
from sending_homes import OUTBOX, sending_home
from typer.testing import CliRunner

from xborder.cli import app
from xborder.clock import fixed
from xborder.manifests import sending
from xborder.registry.database import transaction
from xborder.registry.staging import run as sql

AT = "2026-11-23T09:00:00+08:00"
FIRST = "XB60412026112200001"
SAID = f"""{OUTBOX}
documents = ["507", "509"]
operator_code = "4414980OPX"
operator_name = "梅州示例监管场所"
"""


@pytest.fixture
def home(tmp_path):
    made = sending_home(tmp_path, SAID)
    (tmp_path / "landing").mkdir()
    return made


def run(home, *words, code=0):
    with fixed(AT):
        done = CliRunner().invoke(app, [*words, "--home", str(home.settings.home)])
    assert done.exit_code == code, done.output
    return done.output


def approved(home, status="399"):
    with transaction(home.engine) as c:
        sql(c, f"UPDATE filings SET status = '{status}', customs_no = '60412026E' || substr('000000000' || list_id, -9) WHERE kind = '603'")  # fmt: skip  # noqa: E501


def test_send_tells_what_left(home):
    told = json.loads(run(home, "send", "--json"))
    assert (told["sent"], told["queued"], told["unsent"]) == (8, 8, [])
    assert "sent" in run(home, "send")


def test_send_tells_what_failed_and_sends_it_again(home):
    victim = next(home.settings.home.rglob(f"{FIRST}/CEB303_0001.xml"))
    whole = victim.read_bytes()
    victim.write_bytes(b"")
    told = json.loads(run(home, "send", "--json", code=1))
    (failed,) = (one for one in told["unsent"] if one["state"] == "failed")
    assert (failed["code"], failed["message"]) == ("MESSAGE_DAMAGED", "CEB303")
    assert "MESSAGE_DAMAGED" in run(home, "send", code=1)
    victim.write_bytes(whole)
    assert json.loads(run(home, "send", "--again", failed["guid"], "--json"))["sent"] == 4
    run(home, "send", "--again", failed["guid"], code=2)


def test_send_knows_its_manifests_and_names_those_that_no_cut_off_sends(home):
    assert "XB99" in run(home, "send", "XB99", code=2)
    assert FIRST not in run(home, "send")
    with transaction(home.engine) as c:
        # Filings stand since an answer came for some other document; nothing was heard of these.
        sql(c, "UPDATE filings SET message_id = NULL")
        sql(c, "DELETE FROM messages")
        sql(c, "UPDATE manifests SET batch = json_remove(batch, '$.sending')")
    told = run(home, "send")
    assert FIRST in told
    assert "xborder send NUMBER" in told
    assert FIRST not in run(home, "send", FIRST)


def test_a_profile_with_errors_is_told_with_what_is_wrong(home):
    profile = home.settings.home / "exporters" / "dapu-ciyun.toml"
    profile.write_text(profile.read_text("utf-8").replace("operator_", "operater_"), "utf-8")
    assert "operater_code" in run(home, "send").replace("\n", "")


def test_a_busy_home_is_told(home):
    with sending.alone(home):
        assert "not sent" in run(home, "send", code=3)


def test_a_bill_from_the_first_word_to_the_last(home):
    run(home, "send")
    approved(home)
    words = ("--bill", "B1", "--voyage", "V1", "--vehicle", "T1", "--domestic", "粤M12345")
    (filed,) = json.loads(run(home, "depart", FIRST, *words, "--json"))
    assert (filed["kind"], filed["lists"]) == ("607", 5)
    assert "xborder send" in run(home, "depart", "--bill", "B1", "--arrived")
    assert "BILL_NOT_RELEASED" in run(home, "depart", "--bill", "B1", "--left", "now", code=2)
    approved(home, "800")
    run(home, "depart", "--bill", "B1", "--left", "2026-11-23T08:00")
    (bill,) = json.loads(run(home, "depart", "--json"))
    assert (bill["bill_no"], [len(bill[kind]) for kind in ("607", "507", "509")]) == (
        "B1",
        [1, 1, 1],
    )
    assert "B1" in run(home, "depart")
    assert "BILL_TOLD_ALREADY" in run(home, "depart", "--bill", "B1", "--cancel", code=2)
    assert "LIST_ON_OTHER_BILL" in run(home, "depart", FIRST, *words, code=2)
    # What to do stands below what is wrong.
    assert "--vehicle" in run(home, "depart", "#30", "--bill", "B2", "--voyage", "V", code=2)
    for wrong in (
        ("depart", FIRST),
        ("depart", "--arrived"),
        ("depart", FIRST, "--bill", "B", "--arrived"),
    ):
        run(home, *wrong, code=2)


def test_bills_of_a_file(home, tmp_path: Path):
    run(home, "send")
    approved(home)
    file = tmp_path / "bills.csv"
    file.write_text(
        "list,billNo,voyageNo,trafName\n#1001,B1,V1,T1\n#1002,B1,,\n#30,B2,V2,T2\n", "utf-8-sig"
    )
    told = json.loads(run(home, "depart", "--from", str(file), "--json"))
    assert [(one["bill_no"], one["lists"], one["exporter"]) for one in told] == [
        ("B1", 2, "dapu-ciyun"),
        ("B2", 1, "xingning-gongju"),
    ]
    for text in (
        "list,bill\n1,2\n",
        "list,billNo\n#1003,\n",
        "list,billNo,note\n#1003,B3,a\n#1004,B3,b\n",
    ):
        file.write_text(text, "utf-8")
        run(home, "depart", "--from", str(file), code=2)
    file.write_bytes(b"\xff\xfe\x00")
    run(home, "depart", "--from", str(file), code=2)


def test_cancel_amend_ignore_resend_and_return(home, tmp_path: Path):
    run(home, "send")
    approved(home)
    (told,) = json.loads(run(home, "cancel", "#1001", "--reason", "x", "--json"))
    assert (told["order_no"], told["done"]) == ("#1001", "filed")
    assert "LIST_APPROVED" in run(home, "amend", "#1002", code=2)
    assert "NOTHING_TO_AMEND" in run(home, "ignore", "#1002", code=2)
    assert "NOTHING_TO_RESEND" in run(home, "resend", "#1002", code=2)
    way = ("--say", "voyageNo=V2", "--say", "trafName=T2", "--reason", "质量问题")
    (told,) = json.loads(run(home, "return", "#1002", "--item", "1=1", *way, "--json"))
    assert told["items"] == 1
    assert "RETURN_TOO_MUCH" in run(home, "return", "#1002", "--item", "1=2", *way, code=2)
    run(home, "return", "#1002", "--item", "1", *way, code=2)
    run(home, "return", "#1002", "--item", "1=1", "--say", "x=1", *way, code=2)
    run(home, "return", code=2)
    file = tmp_path / "returns.csv"
    head = "list,gnum,qty,reason,voyageNo,trafName\n"
    file.write_text(f"{head}#1003,1,0.5,破损,V2,T2\n#1004,1,1,破损,V2,T2\n", "utf-8")
    assert len(json.loads(run(home, "return", "--from", str(file), "--json"))) == 2
    file.write_text(f"{head}#1005,1,0.5,破损,V2,T2\n#1005,1,1,破损,V2,T2\n", "utf-8")
    run(home, "return", "--from", str(file), code=2)
    assert json.loads(run(home, "send", "--json"))["sent"] == 4


@pytest.mark.slow
def test_the_json_is_the_documented_one(home):
    from test_cli_documented_json import compare

    victim = next(home.settings.home.rglob(f"{FIRST}/CEB603_0001.xml"))
    whole = victim.read_bytes()
    victim.write_bytes(b"")
    compare("xborder send --json", run(home, "send", "--json", code=1))
    victim.write_bytes(whole)
    guid = json.loads(run(home, "send", "--json", code=1))["unsent"][0]["guid"]
    run(home, "send", "--again", guid)
    approved(home)
    words = ("--bill", "B1", "--voyage", "V1", "--vehicle", "T1", "--domestic", "粤M12345")
    compare("xborder depart LIST --json", run(home, "depart", "#1001", *words, "--json"))
    run(home, "depart", "--bill", "B1", "--arrived")
    approved(home, "800")
    run(home, "depart", "--bill", "B1", "--left", "now")
    compare("xborder depart --json", run(home, "depart", "--json"))
    compare("xborder cancel LIST --json", run(home, "cancel", "#1002", "--reason", "x", "--json"))
    way = ("--say", "voyageNo=V2", "--say", "trafName=T2", "--reason", "x", "--item", "1=1")
    told = json.loads(run(home, "return", "#1003", *way, "--json"))
    told[0]["warnings"].append("RETURN_NOT_9610")  # of a list of another mode
    compare("xborder return LIST --json", json.dumps(told))
