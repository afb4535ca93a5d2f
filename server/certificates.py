"""`imagintalk worker certificates`: a CA of one's own, and a certificate for each end.

FOLDER/server/   ca.pem server.pem server.key           --certificates of `imagintalk worker start`
FOLDER/client/   ca.pem client.pem client.key token     to be carried to the client's machine
FOLDER/ca.key    signs more of them; keep it apart
"""

from __future__ import annotations

import argparse
import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from imagintalk.errors import OptionError, OutputError

from .address import TOKEN_FILE
from .security import read_or_make_token
from .settings import CLIENT_END, SERVER_END, default_certificates, default_state

_DAYS = 825
"""The longest that common TLS clients accept."""


def run(args: argparse.Namespace) -> int:
    """Raises OutputError, OptionError, WorkerError."""
    folder = args.output or default_certificates()
    if args.output is None:
        folder.parent.mkdir(parents=True, exist_ok=True)
    make(folder, args.host, read_or_make_token(args.state or default_state()))
    print(f"worker: imagintalk worker start --listen HOST:PORT --certificates {folder / SERVER_END}")
    print(f"client: carry {folder / CLIENT_END} there; imagintalk dub … --worker HOST:PORT --certificates client")
    return 0


def make(folder: Path, hosts: list[str], token: str) -> None:
    """Write all of it into a new folder. hosts: names and addresses of the worker. Raises OutputError, OptionError."""
    names = [_name(host) for host in hosts]
    server, client = folder / SERVER_END, folder / CLIENT_END
    try:
        for place in (folder, server, client):
            place.mkdir(mode=0o700)
        ca_key = ec.generate_private_key(ec.SECP256R1())
        ca = _certificate("ImaginTalk CA", ca_key, None, None)
        _write(folder / "ca.key", _private(ca_key))
        ends: tuple[tuple[Path, str, list[x509.GeneralName], x509.ObjectIdentifier], ...] = (
            (server, "server", names, ExtendedKeyUsageOID.SERVER_AUTH),
            (client, "client", [], ExtendedKeyUsageOID.CLIENT_AUTH),
        )
        for place, name, alternatives, usage in ends:
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = _certificate(f"ImaginTalk {name}", key, (ca, ca_key), (alternatives, usage))
            _write(place / "ca.pem", ca.public_bytes(serialization.Encoding.PEM))
            _write(place / f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM))
            _write(place / f"{name}.key", _private(key))
        _write(client / TOKEN_FILE, token.encode("ascii"))
    except FileExistsError as error:
        raise OutputError(f"{error.filename}: is there already; certificates go into a new folder") from None
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror}); choose another folder") from None


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError:
        raise OptionError(f"host {host!r}: expected a name or an address in ASCII") from None


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
    end: tuple[list[x509.GeneralName], x509.ObjectIdentifier] | None,
) -> x509.Certificate:
    """issuer: None signs itself. end: names and use of one end; None: a CA."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signer = issuer[1] if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks differ
        .not_valid_after(now + timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=end is None, path_length=0 if end is None else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(_usage(ca=end is None), critical=True)
    )
    if end is not None:
        names, usage = end
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    """A new file that its owner alone may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
