"""TLS: the certificate that a server has, loaded, tried out, and loaded again while it serves."""

import logging
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from c8ybin.server.secured import Secured

log = logging.getLogger(__name__)

# Of TLS 1.2: forward secrecy and AEAD. Those of 1.3 have nothing else.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
# What OpenSSL found of a certificate (X509_STORE_CTX_get_error(3)).
_NOT_YET_VALID = 9
_FAULTS = {
    10: "has expired; renew it",
    26: "is not meant for servers; it lacks the extended key usage serverAuth",
}
_WEAK = ("EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "EE_MD_TOO_WEAK")


class UnfitCertificate(Exception):
    """A certificate, key or list of authorities cannot be used; the message is a sentence that says why."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What a server proves itself with, all PEM.

    Attributes:
        certificate: Its certificate, followed by those between it and the authority.
        key: The private key of it, which has no pass phrase.
        client_ca: The authorities whose certificates clients may present; None: no client is asked for one.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None


class Tls:
    """The certificate that new connections get."""

    # Whether a client has to be told of it.
    is_self_signed = False

    def __init__(self, files: TlsFiles) -> None:
        """Load the files.

        Raises:
            UnfitCertificate: They cannot be used.
        """
        self.files = files
        self._context = load(files)

    def reload(self) -> bool:
        """Load the files again, for new connections; tell whether they could be used. Else the old ones stay."""
        try:
            self._context = load(self.files)
        except UnfitCertificate as error:
            log.error("the old certificate stays in use: %s", error)
            return False
        log.info("new connections get the certificate in %s", self.files.certificate)
        return True

    def secure(self, sock: socket.socket) -> Secured:
        """Return the encrypting end of a connection, which takes the socket over."""
        return Secured(sock, self._context)


def load(files: TlsFiles) -> ssl.SSLContext:
    """Return a context of TLS 1.2 and 1.3 with what the files hold, tried in a handshake with itself.

    Raises:
        UnfitCertificate: They cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    # OpenSSL 3 does without both by itself.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # Many clients end without a word, which would otherwise break off the answer that is under way; where a
    # body ends, HTTP tells by itself.
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    context.set_alpn_protocols(["http/1.1"])
    _load_pair(context, files)
    _try_out(context, files.certificate)
    # Not before that: the handshake with itself has no certificate of a client.
    if files.client_ca:
        try:
            context.load_verify_locations(files.client_ca)
        except ssl.SSLError:
            raise UnfitCertificate(
                f"{files.client_ca} holds no certificate of an authority in PEM."
            ) from None
        except OSError as error:
            raise UnfitCertificate(f"{files.client_ca} cannot be read: {error.strerror}.") from None
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _load_pair(context: ssl.SSLContext, files: TlsFiles) -> None:
    def ask() -> str:
        raise UnfitCertificate(f"The key in {files.key} has a pass phrase; write it without one.")

    for path in (files.certificate, files.key):
        # Else nobody is told which of the two it is.
        try:
            path.read_bytes()
        except OSError as error:
            raise UnfitCertificate(f"{path} cannot be read: {error.strerror}.") from None
    try:
        context.load_cert_chain(files.certificate, files.key, ask)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            text = f"The key in {files.key} is not that of the certificate in {files.certificate}."
        elif error.reason in _WEAK:
            text = f"The certificate in {files.certificate} is too weak: {error.reason.replace('_', ' ').lower()}."
        else:
            text = f"{files.certificate} and {files.key} are not a certificate and its private key in PEM."
        raise UnfitCertificate(text) from None
    except OSError as error:
        raise UnfitCertificate(f"{files.certificate} cannot be read: {error.strerror}.") from None


def _try_out(server: ssl.SSLContext, certificate: Path) -> None:
    """Shake hands in memory, as a client does that trusts this certificate: so it is found when it has expired."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        client.load_verify_locations(certificate)
        up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = (client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True))
        for _ in range(3):
            for end in ends:
                with suppress(ssl.SSLWantReadError):
                    end.do_handshake()
    except ssl.SSLCertVerificationError as error:
        if error.verify_code == _NOT_YET_VALID:
            # The clock of a box without a battery may be set later, and others know the time.
            log.warning(
                "the certificate in %s is not valid yet; look at the clock of this machine", certificate
            )
            return
        fault = _FAULTS.get(error.verify_code, f"cannot be used: {error.verify_message}")
        raise UnfitCertificate(f"The certificate in {certificate} {fault}.") from None
    except ssl.SSLError as error:
        raise UnfitCertificate(
            f"The certificate in {certificate} cannot be used: {error.reason or 'OpenSSL refuses it'}."
        ) from None
