"""Certificates for tests, made by the openssl command when they are wanted."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_CONFIG = """
[ca]
default_ca = here
[here]
dir = {folder}
database = $dir/index
new_certs_dir = $dir
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
email_in_dn = no
[any]
commonName = optional
[req]
distinguished_name = nobody
[nobody]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[serverAuth]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[clientAuth]
basicConstraints = CA:FALSE
extendedKeyUsage = clientAuth
"""
EC = ("EC", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("RSA", "-pkeyopt", "rsa_keygen_bits:2048")


def openssl(*arguments: object) -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return done.stdout


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: Path
    key: Path

    @property
    def options(self) -> tuple[str, ...]:
        """The arguments of `c8ybin serve`."""
        return "--tls-cert", str(self.certificate), "--tls-key", str(self.key)


class Authority:
    """An authority that issues certificates."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._config = folder / "config"
        self._config.write_text(_CONFIG.format(folder=folder))
        (folder / "index").touch()
        self.certificate, self._key = folder / "ca.pem", self._new_key("ca", EC)
        options = ("-subj", f"/CN={folder.name}", "-days", "3650", "-extensions", "authority")
        openssl(
            "req", "-x509", "-config", self._config, "-key", self._key, "-out", self.certificate, *options
        )

    def _new_key(self, name: str, kind: tuple[str, ...]) -> Path:
        path = self._folder / f"{name}.key"
        openssl("genpkey", "-algorithm", *kind, "-out", path)
        return path

    def issue(
        self,
        name: str,
        usage: str = "serverAuth",
        *,
        subject: str | None = None,
        years: tuple[int, int] = (2020, 2049),
        kind: tuple[str, ...] = EC,
    ) -> Pair:
        """Issue a certificate for the common name `name`, valid from the one year to the other."""
        key, request = self._new_key(name, kind), self._folder / "request"
        subject = f"/CN={name}" if subject is None else subject
        openssl("req", "-new", "-config", self._config, "-key", key, "-subj", subject, "-out", request)
        certificate = self._folder / f"{name}.pem"
        signed = ("-cert", self.certificate, "-keyfile", self._key, "-extensions", usage)
        times = ("-startdate", f"{years[0]}0101000000Z", "-enddate", f"{years[1]}0101000000Z")
        files = ("-in", request, "-out", certificate, "-notext", "-batch")
        openssl("ca", "-config", self._config, "-preserveDN", *signed, *times, *files)
        return Pair(certificate, key)
