"""Signatures on messages (业务加签): none, or one enveloped XML signature by a key file.

The specification demands one on 509, 603, 605, 607 and 701 that declare. As a rule the exchange
client makes it with the declarant's card, so the way of this house is ``none``: "to be signed by
the client". A key file serves tests, and gateways that take one.

Source: CEB specification of 2022-05, chapter 6; W3C XML Signature. Canonical XML 1.0, one
reference to the whole message, key name and certificate. The specification's own names of the
SM algorithms differ from those that older programs write, so all names can be set.
"""

import base64
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import escape

from lxml import etree

DS = "http://www.w3.org/2000/09/xmldsig#"
CHINAPORT = "http://www.chinaport.gov.cn/2022/04/xmldsig#"

USER_ID = b"1234567812345678"
"""Who signs, as SM2 wants it said: the standard's default (GB/T 35276)."""

Signer = Callable[[bytes], bytes]
"""Takes a message as it was written, gives it back as it goes out."""


@dataclass(frozen=True)
class Names:
    """What a signature calls its algorithms."""

    signature: str
    digest: str
    canonical: str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
    transform: str = f"{DS}enveloped-signature"


RSA_SHA1 = Names(f"{DS}rsa-sha1", f"{DS}sha1")
"""For cards of before 2022-07-01, until they expire."""

SM2_SM3 = Names(f"{CHINAPORT}sm2-sm3", f"{CHINAPORT}sm3")
"""For all cards and devices since."""


class SigningError(ValueError):
    """A key or certificate that cannot be used, or a message that cannot be signed."""

    code = "SIGNING_KEY"


def unsigned(content: bytes) -> bytes:
    """No signature: the client signs."""
    return content


def rsa_sha1(
    key_file: Path,
    certificate_file: Path,
    key_name: str = "",
    password: bytes | None = None,
    names: Names = RSA_SHA1,
) -> Signer:
    """Signs with an RSA key (PEM); the same message, the same bytes. Raises SigningError."""
    _at_hand("cryptography")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    try:
        key = serialization.load_pem_private_key(key_file.read_bytes(), password)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SigningError(f"{key_file}: {type(error).__name__}") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise SigningError(f"{key_file}: no RSA key")

    def sign(data: bytes) -> bytes:
        return key.sign(data, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303

    return _signer(names, sign, _digest(hashes.SHA1()), certificate_file, key_name)  # noqa: S303


def sm2_sm3(
    key_file: Path,
    certificate_file: Path,
    key_name: str = "",
    names: Names = SM2_SM3,
    user_id: bytes = USER_ID,
) -> Signer:
    """Signs with an SM2 key: 64 hex digits, or unencrypted PEM. Raises SigningError.

    The signature is r and s, 32 bytes each. Its random number is made of key and message (as in
    RFC 6979), so the same message has the same bytes, and no number serves twice.
    """
    _at_hand("cryptography", "gmalg")
    import gmalg
    from cryptography.hazmat.primitives import hashes

    secret = _sm2_secret(key_file)

    def sign(data: bytes) -> bytes:
        drawn = 0

        def number(bits: int) -> int:
            nonlocal drawn
            drawn += 1
            said = data + drawn.to_bytes(4, "big")
            return int.from_bytes(hmac.digest(secret, said, sha256), "big") >> (256 - bits)

        r, s = gmalg.SM2(secret, user_id, rnd_fn=number).sign(data)
        return bytes(r).rjust(32, b"\0") + bytes(s).rjust(32, b"\0")

    return _signer(names, sign, _digest(hashes.SM3()), certificate_file, key_name)


def _at_hand(*libraries: str) -> None:
    """Signing is an extra; who asks for it without hears how to get it."""
    for one in libraries:
        if find_spec(one) is None:
            raise SigningError(f"{one}: pip install xborder[signing]")


_SM2_CURVE = bytes.fromhex("06082a811ccf5501822d")
_SECRET = bytes.fromhex("0201010420")


def _sm2_secret(key_file: Path) -> bytes:
    """The 32 bytes of an SM2 key file; no library at hand reads this curve."""
    try:
        text = key_file.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise SigningError(f"{key_file}: {type(error).__name__}") from error
    if re.fullmatch(r"[0-9A-Fa-f]{64}", text, re.ASCII):
        return bytes.fromhex(text)
    for block in re.findall(r"-----BEGIN (?:EC )?PRIVATE KEY-----([^-]+)-----END", text):
        der = base64.b64decode(block)
        at = der.find(_SECRET)
        if _SM2_CURVE in der and at >= 0 and len(der) >= at + 37:
            return der[at + 5 : at + 37]
    raise SigningError(f"{key_file}: no SM2 key")


def _digest(algorithm: object) -> Callable[[bytes], bytes]:
    from cryptography.hazmat.primitives import hashes

    def digest(data: bytes) -> bytes:
        made = hashes.Hash(algorithm)  # type: ignore[arg-type]
        made.update(data)
        return made.finalize()

    return digest


def _signer(
    names: Names,
    sign: Callable[[bytes], bytes],
    digest: Callable[[bytes], bytes],
    certificate_file: Path,
    key_name: str,
) -> Signer:
    certificate, number = _certificate(certificate_file)

    def signed(content: bytes) -> bytes:
        return _enveloped(content, names, sign, digest, certificate, key_name or number)

    return signed


def _certificate(file: Path) -> tuple[str, str]:
    """A certificate (PEM or DER) in base64, and its number."""
    from cryptography import x509

    try:
        content = file.read_bytes()
        pem = re.search(rb"-----BEGIN CERTIFICATE-----([^-]+)-----END", content)
        der = base64.b64decode(pem[1]) if pem else content
        number = x509.load_der_x509_certificate(der).serial_number
    except (OSError, ValueError) as error:
        raise SigningError(f"{file}: {type(error).__name__}") from error
    return base64.b64encode(der).decode(), f"{number:X}"


def _enveloped(
    content: bytes,
    names: Names,
    sign: Callable[[bytes], bytes],
    digest: Callable[[bytes], bytes],
    certificate: str,
    key_name: str,
) -> bytes:
    """The message with its signature as the last element; no other byte of it changes.

    The schema wants it there: after the transfer block and the subscribers.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    root = etree.fromstring(content, parser)
    if root.find(f"{{{DS}}}Signature") is not None:
        raise SigningError("the message is signed already")
    # What the enveloped-signature transform leaves of the signed message is the unsigned one.
    value = base64.b64encode(digest(etree.tostring(root, method="c14n"))).decode()
    info = (
        "<ds:SignedInfo{}>"
        f'<ds:CanonicalizationMethod Algorithm="{names.canonical}"></ds:CanonicalizationMethod>'
        f'<ds:SignatureMethod Algorithm="{names.signature}"></ds:SignatureMethod>'
        '<ds:Reference URI=""><ds:Transforms>'
        f'<ds:Transform Algorithm="{names.transform}"></ds:Transform></ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{names.digest}"></ds:DigestMethod>'
        f"<ds:DigestValue>{value}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    )
    # Canonical XML takes along all namespaces that are in force where the part stands.
    spaces = "".join(
        f' xmlns:{prefix}="{uri}"' if prefix else f' xmlns="{uri}"'
        for prefix, uri in ({**root.nsmap, "ds": DS}).items()
    )
    alone = etree.fromstring(info.format(spaces))
    signature = base64.b64encode(sign(etree.tostring(alone, method="c14n"))).decode()
    block = (
        f'<ds:Signature xmlns:ds="{DS}">{info.format("")}'
        f"<ds:SignatureValue>{signature}</ds:SignatureValue>"
        f"<ds:KeyInfo><ds:KeyName>{escape(key_name)}</ds:KeyName><ds:X509Data>"
        f"<ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
        "</ds:Signature>"
    )
    end = content.rindex(b"</")
    return content[:end] + block.encode() + content[end:]
