"""Promise 5: every message of the whole demonstration is valid against the official XSD."""

from pathlib import Path

import pytest
from pipeline_homes import ROOT, command, issued

pytestmark = pytest.mark.slow

FOLDER = ROOT.parent / "shared" / "ceb" / "xsd-2022-05"


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the official XSD (../shared/ceb) is not here")
def test_all_messages_of_the_demonstration_conform(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    command(home, "demo", str(home))
    (xsd,) = FOLDER.glob("*出口业务节点*.xsd")
    command(home, "verify", "--home", str(home), "--xsd", str(xsd))
    messages = [name for name in issued(home) if name.endswith(".xml")]
    assert len(messages) > 20
    manifest = messages[0].split("/")[1]
    fetched = tmp_path / "fetched"
    command(home, "manifests", "--home", str(home), "get", manifest, "--to", str(fetched))
    assert (fetched / f"{manifest}.zip").is_file()


def test_a_broken_message_or_xsd_is_named(tmp_path: Path) -> None:
    xsd = tmp_path / "order.xsd"
    xsd.write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="x"/></xs:schema>'
    )
    home = tmp_path / "demo"
    command(home, "demo", str(home))
    said = command(home, "verify", "--home", str(home), "--xsd", str(xsd), check=False)
    assert said.returncode == 1 and "CEB303_0001.xml" in said.stdout
    xsd.write_text("no XML")
    assert (
        command(home, "verify", "--home", str(home), "--xsd", str(xsd), check=False).returncode == 2
    )
