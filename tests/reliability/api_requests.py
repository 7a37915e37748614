"""What clients of the API may send, as strategies of hypothesis, and how it is written."""

import base64
import hashlib

from api_model import MAX_BINARY, MAX_CHUNK, TIMES, Chunk
from hypothesis import strategies as st

# Names as they are sent, and as they are kept.
NAMES = {
    None: None,
    "a.txt": "a.txt",
    "../../b c.bin": "b c.bin",
    "größe.txt": "größe.txt",
    'q"q.txt': 'q"q.txt',
}
LABELS = st.tuples(st.sampled_from([None, "text/plain", "image/x;a=b"]), st.sampled_from(list(NAMES)))
SOURCES, TYPES = ["1001", "dev/2"], ["t_A", "t_B"]
FRAGMENTS = st.dictionaries(
    st.sampled_from(["f_A", "f_B", "c8y_IsBinary", "c8y_IsIncompleteBinary", "id"]),
    st.sampled_from(["x", "y", 1, None, [], {"a": [None, "ö"]}]),
    max_size=3,
)
DOCUMENTS = st.fixed_dictionaries(
    {
        "source": st.sampled_from([{"id": source} for source in SOURCES]),
        "type": st.sampled_from(TYPES),
        "time": st.sampled_from(list(TIMES)),
        "text": st.text(max_size=3),
    }
)
MISSING = st.sampled_from([None] * 6 + ["source", "type", "time", "text"])
MOST_EVENTS = 4
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "text": st.text(max_size=3),
        "type": st.sampled_from(TYPES),
        "time": st.sampled_from(list(TIMES)),
        "source": st.sampled_from([{"id": source} for source in SOURCES]),
    },
)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "source": st.sampled_from(SOURCES),
        "type": st.sampled_from(TYPES),
        "dateFrom": st.sampled_from(list(TIMES)),
        "dateTo": st.sampled_from(list(TIMES)),
        "fragmentType": st.sampled_from(["f_A", "f_B", "c8y_IsBinary", "c8y_IsIncompleteBinary"]),
    },
)
# Most requests have no condition.
CONDITIONS = st.sampled_from(
    [None] * 20 + [(f, w) for f in ("If-Match", "If-None-Match") for w in ("now", "old", "*")]
)
RANGES = st.one_of(
    st.none(),
    st.builds("bytes={}-{}".format, st.integers(0, 9), st.integers(9, 60)),
    st.builds("bytes={}-".format, st.integers(0, 60)),
    st.builds("bytes=-{}".format, st.integers(1, 60)),
    st.just("bytes=0-1,4-5"),
)
# Few different bytes, so that chunks often agree where they overlap.
CHUNKS = st.builds(
    lambda start, length, byte, whole: Chunk(start, byte * length, whole),
    st.sampled_from([0, 4, 8] * 3 + [12, 40]),
    st.sampled_from([4] * 6 + [8, MAX_CHUNK, MAX_CHUNK + 1]),
    st.sampled_from([b"a"] * 8 + [b"b"]),
    st.sampled_from([12] * 6 + [None] * 4 + [16, 8, MAX_BINARY + 1]),
)
# Which of the two applications, and which of the events; 0 is one that was deleted.
AT = st.sampled_from([0, 1])
# One in six is too large.
DATA = st.one_of(*[st.binary(max_size=MAX_BINARY)] * 5, st.just(b"x" * (MAX_BINARY + 1)))
WHICH = st.sampled_from([1, 1, 1, 1, 2, 2, 3, 4, 0])
DIGESTS = st.sampled_from([None] * 10 + [True, True, False])


def raw(kind: str | None, name: str | None) -> dict[str, str | None]:
    """Return the header fields of a raw body."""
    # As WSGI has them: the bytes of UTF-8, one a character.
    disposition = f'attachment; filename="{_quoted(name)}"'.encode().decode("latin-1") if name else None
    return {"Content_Type": kind, "Content_Disposition": disposition}


def in_form(data: bytes, kind: str | None, name: str | None) -> tuple[bytes, dict[str, str]]:
    """Return a form with one file, and its header fields."""
    filename = f'; filename="{_quoted(name)}"' if name else ""
    head = f'Content-Disposition: form-data; name="file"{filename}\r\n'
    head += f"Content-Type: {kind}\r\n" if kind else ""
    body = b"--B\r\n" + head.encode() + b"\r\n" + data + b"\r\n--B--\r\n"
    return body, {"Content_Type": "multipart/form-data; boundary=B"}


def _quoted(name: str) -> str:
    return name.replace('"', '\\"')


def digest_of(data: bytes) -> str:
    """Return a digest as the header fields write it (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def digested(body: bytes, fits: bool | None) -> dict[str, str]:
    """Return a digest of a body that fits or does not; None for no digest."""
    return {} if fits is None else {"Content_Digest": digest_of(body if fits else body + b"!")}
