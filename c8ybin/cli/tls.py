"""The options of `serve` that say how its connections are encrypted, and what is made of them."""

import hashlib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from socket import socket
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from c8ybin.cli.options import option
from c8ybin.cli.problems import Unfit, using
from c8ybin.cli.self_signed import SelfSigned, own_names
from c8ybin.server import Tls, TlsFiles, UnfitCertificate, is_local, url_of
from c8ybin.store import existing_directory, prepare_directory

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(path_type=Path)


def tls_options(function: F) -> F:
    """Declare the options."""
    for declare in reversed(
        (
            option("--tls-cert", type=_FILE, help="Serve HTTPS with this certificate (PEM, with its chain)."),
            option("--tls-key", type=_FILE, help="The private key of --tls-cert."),
            option(
                "--tls-self-signed",
                is_flag=True,
                help="Serve HTTPS with a certificate that is made at the first start and kept.",
            ),
            option(
                "--tls-client-ca",
                type=_FILE,
                help="Whose certificates (PEM) clients may present instead of a password: the CN is the user.",
            ),
            option(
                "--insecure-http",
                is_flag=True,
                help="Serve other machines without TLS: who listens on the network then reads passwords.",
            ),
        )
    ):
        function = declare(function)
    return function


@dataclass(frozen=True, kw_only=True)
class TlsChoice:
    """What the options say."""

    tls_cert: Path | None
    tls_key: Path | None
    tls_self_signed: bool
    tls_client_ca: Path | None
    insecure_http: bool

    @classmethod
    def taken_from(cls, settings: dict[str, Any]) -> "TlsChoice":
        """Take it out of the options of a command.

        Raises:
            Unfit: They contradict each other.
        """
        choice = cls(**{field.name: settings.pop(field.name) for field in fields(cls)})
        if choice.tls_self_signed and (choice.tls_cert or choice.tls_key):
            raise Unfit("Give either --tls-self-signed or --tls-cert and --tls-key.")
        if bool(choice.tls_cert) != bool(choice.tls_key):
            missing, given = ("--tls-key", "--tls-cert") if choice.tls_cert else ("--tls-cert", "--tls-key")
            raise Unfit(f"{given} needs {missing}, too.")
        if choice.tls_client_ca and not (choice.tls_cert or choice.tls_self_signed):
            raise Unfit(
                "--tls-client-ca needs a certificate of the server: --tls-cert, or --tls-self-signed."
            )
        return choice

    def opened(
        self,
        listener: socket,
        data: Path,
        public_url: str | None,
        trusted_proxies: Sequence[object],
        *,
        may_make: bool = True,
    ) -> Tls | None:
        """Load the certificate, or make it where that may be; None where there is to be none.

        Raises:
            Unfit: It cannot be had, or there is none where there should be one.
        """
        if not (self.tls_cert and self.tls_key) and not self.tls_self_signed:
            if not (self.insecure_http or trusted_proxies or is_local(listener)):
                raise Unfit(
                    f"Without TLS, whoever listens on the network can read the passwords sent to {url_of(listener)}: "
                    "give --tls-self-signed, or --tls-cert and --tls-key; or name the proxy that speaks TLS by "
                    "--trusted-proxy, or say --insecure-http where the network is safe."
                )
            return None
        try:
            if self.tls_cert and self.tls_key:
                return Tls(TlsFiles(self.tls_cert, self.tls_key, self.tls_client_ca))
            with using(data):
                names = own_names(listener)
                if public_url:
                    names.insert(0, urlsplit(public_url).hostname or "")
                layout = prepare_directory(data) if may_make else existing_directory(data)
                return SelfSigned(layout.tls, names, self.tls_client_ca, may_make=may_make)
        except UnfitCertificate as error:
            raise Unfit(str(error)) from None
        except TimeoutError:
            raise Unfit("Another start is making the certificate; try again.") from None


def fingerprint(tls: Tls) -> str:
    """Return the SHA-256 of a server's certificate, as browsers and `openssl x509 -fingerprint` show it."""
    pem, end, _ = tls.files.certificate.read_text().partition(ssl.PEM_FOOTER)
    der = ssl.PEM_cert_to_DER_cert(pem[pem.index(ssl.PEM_HEADER) :] + end)
    return hashlib.sha256(der).digest().hex(":").upper()
