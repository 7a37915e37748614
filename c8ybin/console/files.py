"""The files of pages, read from wherever the package is: a directory or a zip."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

INDEX = "index.html"

# What is not here is not served.
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent; its entity tag is strong, made of its bytes.

    Attributes:
        is_gzip: Whether the bytes are compressed.
    """

    data: bytes
    media_type: str
    etag: str
    is_gzip: bool = False

    def plain(self) -> "StaticFile":
        """Return it as who takes no gzip gets it."""
        return _made(gzip.decompress(self.data), self.media_type) if self.is_gzip else self


@cache
def compressed(file: StaticFile) -> StaticFile:
    """Return a file in gzip's coding, with a tag of its own (RFC 9110, section 8.8.3.3)."""
    if file.is_gzip:
        return file
    data = gzip.compress(file.data, mtime=0)
    return StaticFile(data, file.media_type, f'{file.etag[:-1]}-gzip"', is_gzip=True)


def load(folder: str = "static") -> dict[str, StaticFile]:
    """Read all files of a folder of this package, by their names; those that end in .gz without that.

    Raises:
        OSError: The package is not whole.
    """
    found = {}
    for entry in resources.files("c8ybin.console").joinpath(folder).iterdir():
        name = entry.name.removesuffix(".gz")
        media_type = MEDIA_TYPES.get(name[name.rfind(".") :])
        if media_type:
            found[name] = _made(entry.read_bytes(), media_type, is_gzip=name != entry.name)
    return found


def _made(data: bytes, media_type: str, *, is_gzip: bool = False) -> StaticFile:
    return StaticFile(data, media_type, f'"{hashlib.sha256(data).hexdigest()[:32]}"', is_gzip)
