"""The certificate that an appliance makes for itself at its first start: `tls/` in the data directory.

Made by the `openssl` command: it is there where TLS is, costs a start nothing that keeps its certificate,
and no library has to be installed and loaded for what happens once.
"""

import ipaddress
import logging
import re
import socket
import subprocess  # nosec B404 # openssl, without a shell
import time
from collections.abc import Iterable
from pathlib import Path

from c8ybin import fsio
from c8ybin.cli.problems import Unfit
from c8ybin.domain.ids import RELEASED_MS
from c8ybin.server import Tls, TlsFiles

log = logging.getLogger("c8ybin")

_DAY_S = 86_400
# Apple's systems take no certificate of more than 825 days, whoever vouches for it
# (support.apple.com/HT210176); one less, for they count both ends.
_DAYS = 824
# With less than this left, the next start or SIGHUP makes another, of the same key.
_RENEWED_DAYS = 90
_LOCK_TIMEOUT_S = 10.0
_HOST = re.compile(r"(?=.{1,64}$)[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_PRIVATE_KEY = ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
_CONFIG = """
[req]
prompt = no
string_mask = utf8only
distinguished_name = name
x509_extensions = extensions
[name]
CN = {name}
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


class SelfSigned(Tls):
    """A certificate that nobody else vouches for: clients compare its fingerprint, or are given the file."""

    is_self_signed = True

    def __init__(
        self, folder: Path, names: Iterable[str], client_ca: Path | None, *, may_make: bool = True
    ) -> None:
        """Make it where it is missing.

        Args:
            folder: Where it is kept, and its key; made where it is missing, in a directory that is there.
            names: Of the server: host names and addresses; those that cannot be are left out.
            client_ca: See `TlsFiles`.
            may_make: Whether something may be written; else what is there is used as long as it holds.

        Raises:
            Unfit: It cannot be made.
            UnfitCertificate: It cannot be used.
            OSError: It cannot be read or written.
            TimeoutError: Another process is making it for too long.
        """
        self._folder = folder
        self._names = _alternatives(names)
        self._may_make = may_make
        files = TlsFiles(folder / "certificate.pem", folder / "key.pem", client_ca)
        self._make(files)
        super().__init__(files)

    def reload(self) -> bool:
        """See `Tls`; makes it anew when it is about to expire."""
        try:
            self._make(self.files)
        except Unfit as error:
            log.error("no certificate can be made: %s", error.message)
        except OSError as error:
            log.error("no certificate can be made: %s", error.strerror or "it takes too long")
        return super().reload()

    def _make(self, files: TlsFiles) -> None:
        if not self._may_make:
            return
        fsio.make_directory(self._folder)
        with fsio.locked(self._folder / "lock", _LOCK_TIMEOUT_S):
            for left in self._folder.glob(".*.pem.*"):
                fsio.remove(left)  # by a start that was killed
            if not fsio.exists(files.key):
                _keep(files.key, _openssl(*_PRIVATE_KEY))
            if not fsio.exists(files.certificate) or _expires_soon(files.certificate):
                made = _certificate(files.key, self._names)
                # No certificate may outlast its key, whose maker may have died before the fsync.
                fsio.sync_directory(self._folder)
                _keep(files.certificate, made)
            # The same holds of who made the certificate.
            for directory in (self._folder, self._folder.parent):
                fsio.sync_directory(directory)


def own_names(listener: socket.socket) -> list[str]:
    """Return the names by which clients may know a server that listens there."""
    addresses = [] if listener.family == socket.AF_UNIX else [listener.getsockname()[0].partition("%")[0]]
    return [socket.gethostname(), "localhost", *addresses, "127.0.0.1", "::1"]


def _alternatives(names: Iterable[str]) -> list[str]:
    """Return names as `subjectAltName` takes them (x509v3_config(5)), each once."""
    found = []
    for name in names:
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            if _HOST.fullmatch(name):
                found.append(f"DNS:{name}")
        else:
            if not address.is_unspecified:
                found.append(f"IP:{address}")
    return list(dict.fromkeys(found))


def _certificate(key: Path, names: list[str]) -> bytes:
    # The clock of a box without a battery may stand at 1970, and be set while the server runs.
    late_s = max(0.0, RELEASED_MS / 1000 - time.time())
    days = _DAYS + int(late_s / _DAY_S)
    name = next((n.removeprefix("DNS:") for n in names if n.startswith("DNS:")), "localhost")
    config = _CONFIG.format(name=name, names=", ".join(names)).encode()
    options = ("-new", "-x509", "-sha256", "-days", str(days), "-key", str(key), "-config", "/dev/stdin")
    return _openssl("req", *options, given=config)


def _expires_soon(certificate: Path) -> bool:
    seconds = _RENEWED_DAYS * _DAY_S
    options = ("-noout", "-in", str(certificate), "-checkend", str(seconds))
    try:
        done = _run_openssl("x509", *options)
    except OSError:
        return False  # whether it can be used is found when it is loaded
    # Its exit code is the same for what is no certificate.
    return done.returncode == 1 and b"will expire" in done.stdout


def _openssl(*arguments: str, given: bytes = b"") -> bytes:
    """Run openssl; return its output.

    Raises:
        Unfit: There is none, or it fails.
    """
    other = "or give --tls-cert and --tls-key"
    try:
        done = _run_openssl(*arguments, given=given)
    except OSError:
        raise Unfit(
            f"--tls-self-signed needs the command openssl; install it (Debian: apt-get install openssl), {other}."
        ) from None
    if done.returncode or not done.stdout:
        raise Unfit(
            f"The command openssl made no certificate; try `openssl {arguments[0]}` yourself, {other}."
        )
    return done.stdout


def _keep(path: Path, data: bytes) -> None:
    """Write a file; the name is durable once its directory is."""
    beside = path.with_name(f".{path.name}.{fsio.unique_name()}")
    with fsio.draft(beside, mode=fsio.PRIVATE_MODE) as file:
        file.write(data)
    fsio.rename(beside, path)


def _run_openssl(*arguments: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    # The arguments are ours alone, and which openssl that is, is for PATH to say.
    command = ["openssl", *arguments]
    return subprocess.run(command, input=given, capture_output=True, check=False)  # noqa: S603 # nosec B603
