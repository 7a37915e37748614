"""A server's self-signed certificate, for the power cuts."""

import contextlib
import hashlib
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

from inspection import Lost, State
from trees import Tree, lay_out

from c8ybin.cli import self_signed
from c8ybin.cli.problems import Unfit
from c8ybin.cli.self_signed import SelfSigned
from c8ybin.server.tls import UnfitCertificate

_openssl = self_signed._openssl
_made: dict[tuple[str, int], bytes] = {}


@contextlib.contextmanager
def _the_same_again() -> Iterator[None]:
    """Let openssl make the same in each recording; what an inspection makes is another."""
    turn = itertools.count()

    def openssl(*arguments: str, given: bytes = b"") -> bytes:
        key = arguments[0], next(turn)
        if key not in _made:
            _made[key] = _openssl(*arguments, given=given)
        return _made[key]

    self_signed._openssl = openssl
    try:
        yield
    finally:
        self_signed._openssl = _openssl


def certify(root: Path) -> None:
    """Make the certificate, as a start does, or take the one that is there."""
    SelfSigned(root / "tls", ["localhost"], None)


def make_a_certificate(root: Path) -> None:
    """The operation; deterministic, so that recordings can be compared."""
    with _the_same_again():
        certify(root)


class Certificate:
    """The certificate in a data directory, of which clients see a fingerprint."""

    def prepare(self, base: Path, locks: Path) -> None:
        """Make what is there before."""
        (base / "data").mkdir(parents=True)

    def open(self, base: Path) -> Path:
        """Join as a process."""
        return base / "data"

    def target(self, process: Path, known: tuple[object, ...] = ()) -> tuple[object, ...]:
        """Name nothing: there is one certificate."""
        return ()

    def close(self, process: Path) -> None:
        """Leave."""

    def die(self, process: Path) -> None:
        """End as `kill -9` does."""

    def see(self, process: Path) -> State:
        """Return the certificate's fingerprint; None where there is none."""
        path = process / "tls/certificate.pem"
        return (hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None,)

    def lay_out(self, tree: Tree, base: Path, locks: Path) -> None:
        """Make what a power cut has left."""
        lay_out(tree, base)

    def inspect(self, base: Path, allowed: Iterable[State]) -> None:
        """Start on what is there: what clients may know stays, and key and certificate fit."""
        root = base / "data"
        seen = self.see(root)
        if seen not in allowed:
            raise Lost(f"a third state: {seen}")
        try:
            certify(root)
        except (Unfit, UnfitCertificate, OSError) as error:
            raise Lost(f"the next start refuses it: {error!r}") from error
        if seen != (None,) and self.see(root) != seen:
            raise Lost("the certificate that clients may know has gone")
        if left := [path.name for path in (root / "tls").glob(".*")]:
            raise Lost(f"left behind: {' '.join(left)}")


CERTIFICATE = Certificate()
