"""A file as multipart/form-data, which is how Cumulocity learns its name."""

import secrets
from collections.abc import Iterator

from c8ybin.client.sending import Body
from c8ybin.client.sources import Source


def form(source: Source) -> tuple[dict[str, str], Body]:
    """Return header fields and body of a form whose one part is the file.

    Source: RFC 7578; a quoted name has `\\"` for a quote, and UTF-8 as it is (section 4.2, and browsers).
    """
    boundary = f"c8ybin-{secrets.token_hex(16)}"
    quoted = source.name.replace("\\", "\\\\").replace('"', '\\"')
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{quoted}"\r\n'
        f"Content-Type: {source.label.type}\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()
    content = source.body()

    def blocks() -> Iterator[bytes]:
        yield head
        yield from content.blocks()
        yield tail

    fields = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return fields, Body(len(head) + content.length + len(tail), blocks)
