"""Zips whose bytes depend on nothing but what they hold."""

import importlib.util
import marshal
import time
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

MAGIC = importlib.util.MAGIC_NUMBER
# Neither the source's time nor its hash is looked at when it is imported (PEP 552).
_UNCHECKED = (1).to_bytes(4, "little")


@cache
def compiled(source: bytes, path: str) -> bytes:
    """Return a module's bytecode as a file, for the version of Python that runs this.

    Args:
        source: The module's text.
        path: What a traceback shows.
    """
    code = compile(source, path, "exec", dont_inherit=True, optimize=0)
    return MAGIC + _UNCHECKED + importlib.util.source_hash(source) + marshal.dumps(code)


def write(
    path: Path,
    members: Mapping[str, bytes],
    epoch_s: int,
    *,
    before: bytes = b"",
    stored: tuple[str, ...] = (),
) -> None:
    """Write an executable zip.

    Args:
        path: The file; replaced where it is there.
        members: What it holds, by name; kept in this order.
        epoch_s: The time of all members, in seconds since 1970.
        before: What stands before the zip, and starts it.
        stored: The beginnings of the names of members that are not compressed.
    """
    path.write_bytes(before)
    with zipfile.ZipFile(path, "a", compresslevel=9) as archive:
        for name, data in members.items():
            member = zipfile.ZipInfo(name, time.gmtime(epoch_s)[:6])
            member.create_system = 3  # Unix
            member.external_attr = 0o100644 << 16
            is_stored = name.startswith(stored)
            member.compress_type = zipfile.ZIP_STORED if is_stored else zipfile.ZIP_DEFLATED
            archive.writestr(member, data)
    path.chmod(0o755)
