"""Encrypted connections: a certificate nobody vouches for is refused in words, a trusted one is used."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from refine_tui.core.errors import NetworkError
from refine_tui.network.door import Door
from tests.network.loopback import LoopbackServer, serving

x509 = pytest.importorskip("cryptography.x509")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine, signed by itself, with its key in the same file."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = tmp_path_factory.mktemp("certificate") / "loopback.pem"
    path.write_bytes(secret + built.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def server(certificate: Path) -> Iterator[LoopbackServer]:
    with serving(lambda exchange: exchange.send(200, {}, b"hello")) as running:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        running.socket = context.wrap_socket(running.socket, server_side=True)
        yield running


def test_a_certificate_nobody_vouches_for_is_refused_in_words(server: LoopbackServer) -> None:
    with pytest.raises(NetworkError, match=r"https://127\.0\.0\.1:\d+ cannot be reached: its certificate is not trusted \(self.signed"):
        Door().open(server.url.replace("http:", "https:"), 5)


def test_a_trusted_certificate_is_used(server: LoopbackServer, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    connection = Door().open(server.url.replace("http:", "https:"), 5)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"hello"
    connection.close()
