"""Signatures: another program verifies them, and whatever is changed afterwards breaks them."""

import base64
import shutil
import subprocess

import polars as pl
import pytest
from lxml import etree
from message_values import TRANSFER

from xborder.manifests import messages, receipt_reader, signing

DS = {"ds": signing.DS}


def message() -> bytes:
    """A cancellation (605), which the specification wants signed."""
    head = {
        "guid": "8F6D7A3C-2B41-5C1E-9B0A-0D3F5E7A9B1C", "appTime": "20261122120000",
        "customsCode": "6041", "copNo": "XB1", "invtNo": "604120261E00000001",
        "reason": "订单取消 & <退款>\r\n", "agentCode": "4414960XXX", "agentName": "大埔瓷韵",
        "ebcCode": "4414960XXX", "ebcName": "大埔瓷韵",
    }  # fmt: skip
    (made,) = messages.document("CEB605", "n1", TRANSFER, pl.DataFrame([head]))
    return made.content


def openssl(folder, *words: str) -> str:
    ran = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A folder with an RSA and an SM2 key, a certificate and the public key of each."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here")
    folder = tmp_path_factory.mktemp("keys")
    openssl(folder, "genrsa", "-out", "rsa.pem", "2048")
    openssl(
        folder,
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:SM2",
        "-out",
        "sm2.pem",
    )
    for name, digest in (("rsa", "-sha256"), ("sm2", "-sm3")):
        said = ["-days", "3650", "-subj", "/CN=demo", "-set_serial", "0x1234ABCD"]
        openssl(
            folder,
            "req",
            "-x509",
            "-new",
            "-key",
            f"{name}.pem",
            digest,
            *said,
            "-out",
            f"{name}.crt",
        )
        openssl(folder, "pkey", "-in", f"{name}.pem", "-pubout", "-out", f"{name}.pub")
    return folder


def rsa(keys) -> signing.Signer:
    return signing.rsa_sha1(keys / "rsa.pem", keys / "rsa.crt")


def sm2(keys) -> signing.Signer:
    return signing.sm2_sm3(keys / "sm2.pem", keys / "sm2.crt")


def test_without_a_signature_a_message_stays_as_it_is():
    assert signing.unsigned(message()) == message()


@pytest.mark.parametrize("signer", [rsa, sm2])
def test_a_signed_message_is_valid_read_and_always_the_same(signer, keys, conforms):
    sign = signer(keys)
    signed = sign(message())
    conforms(signed)
    assert signed == sign(message())
    (one,) = receipt_reader.read(signed)
    assert one.signed
    assert one.entities == receipt_reader.read(message())[0].entities
    # Nothing but the signature came in.
    root = etree.fromstring(signed)
    (block,) = root.findall("ds:Signature", DS)
    assert root[-1] is block
    assert block.findtext("ds:KeyInfo/ds:KeyName", namespaces=DS) == "1234ABCD"
    start, end = signed.index(b"<ds:Signature "), signed.index(b"</ds:Signature>")
    assert signed[:start] + signed[end + len(b"</ds:Signature>") :] == message()
    with pytest.raises(signing.SigningError, match="signed already"):
        sign(signed)


def verified(signed: bytes, keys) -> None:
    """signxml's verdict; a signature over another element than the whole message is none."""
    signxml = pytest.importorskip("signxml")

    class Verifier(signxml.XMLVerifier):
        def check_signature_alg_expected(self, *_: object) -> None: ...

        def check_digest_alg_expected(self, *_: object) -> None: ...

    config = signxml.SignatureConfiguration(
        expect_references=1,
        signature_methods=frozenset({signxml.SignatureMethod.RSA_SHA1}),
        digest_algorithms=frozenset({signxml.DigestAlgorithm.SHA1}),
    )
    found = Verifier().verify(
        signed, x509_cert=(keys / "rsa.crt").read_text(), expect_config=config
    )
    assert found.signed_xml.tag.endswith("CEB605Message")


def test_another_program_verifies_a_signature_by_rsa(keys):
    signxml = pytest.importorskip("signxml")
    signed = rsa(keys)(message())
    verified(signed, keys)
    for old, new in ((b"604120261E00000001", b"604120261E00000002"), (b"#sha1", b"#sha256")):
        assert signed.count(old) >= 1
        with pytest.raises(signxml.exceptions.InvalidSignature):
            verified(signed.replace(old, new, 1), keys)


def verified_by_openssl(signed: bytes, keys, name: str, digest: str) -> bool:
    """OpenSSL's verdict on SignedInfo; both digests are worked out by it as well."""
    root = etree.fromstring(signed)
    block = root.find("ds:Signature", DS)
    # libxml2 writes a part with all namespaces of where it stands, as Canonical XML 1.0 wants.
    info = etree.tostring(block.find("ds:SignedInfo", DS), method="c14n")
    value = base64.b64decode(block.findtext("ds:SignatureValue", namespaces=DS))
    told = block.findtext(".//ds:DigestValue", namespaces=DS)
    root.remove(block)
    (keys / "whole").write_bytes(etree.tostring(root, method="c14n"))
    whole = openssl(keys, "dgst", digest, "-r", "whole").split()[0]
    if base64.b64decode(told).hex() != whole:
        return False
    if name == "sm2":
        value = der(value[:32], value[32:])
    (keys / "info").write_bytes(info)
    (keys / "value").write_bytes(value)
    who = ["-sigopt", "distid:1234567812345678"] if name == "sm2" else []
    words = [
        "openssl",
        "dgst",
        digest,
        *who,
        "-verify",
        f"{name}.pub",
        "-signature",
        "value",
        "info",
    ]
    return subprocess.run(words, cwd=keys, capture_output=True).returncode == 0


def der(r: bytes, s: bytes) -> bytes:
    """Two numbers as openssl wants them."""

    def whole(number: bytes) -> bytes:
        short = number.lstrip(b"\0")
        short = b"\0" + short if short[0] & 0x80 else short
        return b"\x02" + bytes([len(short)]) + short

    both = whole(r) + whole(s)
    return b"\x30" + bytes([len(both)]) + both


@pytest.mark.parametrize(
    ("name", "digest", "signer"), [("rsa", "-sha1", rsa), ("sm2", "-sm3", sm2)]
)
def test_openssl_verifies_it(name, digest, signer, keys):
    signed = signer(keys)(message())
    assert verified_by_openssl(signed, keys, name, digest)
    for old, new in ((b"604120261E00000001", b"604120261E00000002"), (b'URI=""', b'URI="#x"')):
        assert not verified_by_openssl(signed.replace(old, new, 1), keys, name, digest)


def test_the_names_of_the_algorithms_can_be_set(keys):
    signed = etree.fromstring(sm2(keys)(message()))
    named = [one.get("Algorithm") for one in signed.iter("{*}SignatureMethod", "{*}DigestMethod")]
    assert named == [
        "http://www.chinaport.gov.cn/2022/04/xmldsig#sm2-sm3",
        "http://www.chinaport.gov.cn/2022/04/xmldsig#sm3",
    ]
    old = signing.Names(f"{signing.DS}sm2-sm3", f"{signing.DS}sm3")
    sign = signing.sm2_sm3(keys / "sm2.pem", keys / "sm2.crt", key_name="卡<1>", names=old)
    again = etree.fromstring(sign(message()))
    assert again.find(".//ds:SignatureMethod", DS).get("Algorithm") == f"{signing.DS}sm2-sm3"
    assert again.findtext(".//ds:KeyName", namespaces=DS) == "卡<1>"


def test_an_sm2_key_as_hex_digits(keys, tmp_path):
    secret = signing._sm2_secret(keys / "sm2.pem")
    (tmp_path / "key").write_text(secret.hex().upper() + "\n")
    sign = signing.sm2_sm3(tmp_path / "key", keys / "sm2.crt")
    assert sign(message()) == sm2(keys)(message())


def test_two_messages_never_share_a_random_number(keys):
    """Two signatures with one number would tell the key: r would be the same."""
    sign = sm2(keys)
    values = []
    for reason in (b"1", b"2", b"3"):
        signed = etree.fromstring(sign(message().replace(b"XB1", b"XB" + reason)))
        values.append(base64.b64decode(signed.findtext(".//ds:SignatureValue", namespaces=DS)))
    assert len({one[:32] for one in values}) == 3
    assert {len(one) for one in values} == {64}


@pytest.mark.parametrize(
    ("make", "key", "certificate"),
    [
        (signing.rsa_sha1, "absent", "rsa.crt"),
        (signing.rsa_sha1, "rsa.crt", "rsa.crt"),
        (signing.rsa_sha1, "sm2.pem", "sm2.crt"),
        (signing.rsa_sha1, "rsa.pem", "rsa.pub"),
        (signing.sm2_sm3, "absent", "sm2.crt"),
        (signing.sm2_sm3, "rsa.pem", "sm2.crt"),
        (signing.sm2_sm3, "sm2.pem", "absent"),
    ],
)
def test_a_key_that_cannot_be_used_is_said_and_never_shown(make, key, certificate, keys):
    with pytest.raises(signing.SigningError) as refused:
        make(keys / key, keys / certificate)
    assert "PRIVATE" not in str(refused.value)
    assert refused.value.code == "SIGNING_KEY"


def test_without_the_libraries_it_is_said_how_to_get_them(keys, monkeypatch):
    monkeypatch.setattr(signing, "find_spec", lambda name: None)
    for make in (signing.rsa_sha1, signing.sm2_sm3):
        with pytest.raises(signing.SigningError, match=r"pip install xborder\[signing\]"):
            make(keys / "rsa.pem", keys / "rsa.crt")
