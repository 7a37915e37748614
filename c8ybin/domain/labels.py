"""What a binary is called and what it is: file names and media types, as clients send them.

Names and types come from strangers. Neither fails a request: a name is made safe,
a type that is none counts as absent. A name is never used as a path.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

OCTET_STREAM = "application/octet-stream"
NAME_BYTES = 255
TYPE_BYTES = 255

_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # noqa: S105 - an RFC 9110 token
_MEDIA_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}[ \t]*(?:;[\x20-\x7e\t]*)?")
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\"|\\(?!"))*)"|([^;]*))')
_EXTENDED = re.compile(r"(utf-8|iso-8859-1)'[^']*'(.*)", re.IGNORECASE | re.DOTALL)
_OUTSIDE_QUOTES = re.compile(r'((?:[^,"]|"(?:[^"\\]|\\.)*"?)+)')
# RFC 8187, section 3.2.1: what may stand unencoded in an extended value.
_ATTR_CHAR = "!#$&+-.^_`|~"


@dataclass(frozen=True, slots=True)
class Label:
    """How a client labels a binary: its media type, and its file name if it gave one."""

    type: str = OCTET_STREAM
    name: str | None = None


def safe_name(text: str | None) -> str | None:
    """Make a file name harmless: the last component, without control characters, at most 255 bytes.

    Returns:
        The name, or None when nothing is left of it or it is `.` or `..`.
    """
    if not text:
        return None
    name = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs"))
    name = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    name = name.encode()[:NAME_BYTES].decode(errors="ignore")
    return None if name.strip() in ("", ".", "..") else name


def media_type(text: str | None) -> str | None:
    """Return a media type verbatim, or None when it is not `token/token[;parameters]` in visible ASCII."""
    text = (text or "").strip(" \t")
    return text if len(text) <= TYPE_BYTES and _MEDIA_TYPE.fullmatch(text) else None


def decode_field(value: str | None) -> str | None:
    """Turn a header field as WSGI hands it over (Latin-1) into what the client meant: UTF-8 if it is that."""
    if value is None:
        return None
    raw = value.encode("latin-1")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return value


def field_parameters(value: str) -> dict[str, str]:
    r"""Read the parameters of a Content-Type or Content-Disposition field, by lower-case name.

    In a quoted value only `\"` is an escape: clients send Windows paths raw. Of a
    parameter given twice the first counts.
    """
    parameters: dict[str, str] = {}
    for match in _PARAMETER.finditer(value):
        text = match[3].strip() if match[2] is None else match[2].replace('\\"', '"')
        parameters.setdefault(match[1].lower(), text)
    return parameters


def disposition_name(parameters: dict[str, str]) -> str | None:
    """Return the file name that a Content-Disposition gives; `filename*` wins (RFC 6266, section 4.3).

    Returns:
        The raw name, not yet safe, or None when there is no such parameter.
    """
    extended = _EXTENDED.fullmatch(parameters.get("filename*", ""))
    if extended:
        try:
            return unquote_to_bytes(extended[2]).decode(extended[1])
        except UnicodeDecodeError:
            pass
    return parameters.get("filename")


@lru_cache(maxsize=1024)
def format_disposition(name: str) -> str:
    """Write the Content-Disposition of a download.

    `filename*` stands only for names that are not plain ASCII, and before
    `filename`: c8ydm reads the field with a greedy `filename="(.+)"`.

    Source: RFC 6266, section 4; RFC 8187.
    """
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(c if c.isascii() else "_" for c in plain if not unicodedata.combining(c))
    # The compatibility forms of some characters are not harmless: a full-width solidus is a solidus.
    plain = safe_name(re.sub(r"[/\\]", "_", plain)) or "_"
    quoted = plain.replace('"', '\\"')
    extended = "" if name.isascii() else f"filename*=UTF-8''{quote(name, safe=_ATTR_CHAR)}; "
    return f'attachment; {extended}filename="{quoted}"'


@dataclass(frozen=True, slots=True)
class ContentType:
    """A request's Content-Type, as far as it decides how the body is read."""

    type: str | None
    is_multipart: bool
    boundary: str | None


@lru_cache(maxsize=1024)
def parse_content_type(value: str | None) -> ContentType:
    """Read the Content-Type of an upload.

    Two fields arrive joined by a comma (thin-edge.io sends one without and one with
    a boundary): of several the multipart one with a boundary counts.
    """
    kinds = [kind.strip() for kind in _OUTSIDE_QUOTES.findall(value or "")]
    forms = [kind for kind in kinds if kind.split(";")[0].strip().lower() == "multipart/form-data"]
    boundaries = [b for b in (field_parameters(form).get("boundary") for form in forms) if b]
    boundary = boundaries[0] if boundaries else None
    return ContentType(media_type(value), bool(forms), boundary)
