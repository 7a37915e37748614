"""Digest fields (RFC 9530)."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c8ybin.domain.digests import ALGORITHMS, check_digests, format_digest, parse_digests
from c8ybin.domain.errors import DigestMismatch, Unreadable

HELLO = b'{"hello": "world"}\n'
# RFC 9530, appendix B.
SHA_256 = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
SHA_512 = "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:"


def test_the_examples_of_rfc_9530_are_read():
    assert parse_digests("Repr-Digest", f"{SHA_256}, {SHA_512}") == {
        "sha-256": hashlib.sha256(HELLO).digest(),
        "sha-512": hashlib.sha512(HELLO).digest(),
    }


@given(st.binary(max_size=64))
def test_what_is_written_reads_back(data):
    digest = hashlib.sha256(data).digest()
    assert parse_digests("Repr-Digest", format_digest(digest)) == {"sha-256": digest}


@pytest.mark.parametrize("value", [None, "", "  ", ",", " , "])
def test_a_field_that_is_absent_or_empty_states_nothing(value):
    assert parse_digests("Content-Digest", value) == {}


def test_unknown_and_unsafe_algorithms_are_passed_over():
    value = f"md5=:AAAA:,sha=:AAAA:;q=1, x.new_one-2*=::, {SHA_256};a=b"
    assert list(parse_digests("Content-Digest", value)) == ["sha-256"]


@pytest.mark.parametrize(
    "value",
    [
        "sha-256",
        "sha-256=",
        "sha-256=RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=",  # the obsolete Digest field
        'sha-256="RK/0"',
        "sha-256=:RK/0",
        "sha-256=:R:",
        "sha-256=:R===:",
        "sha-256=:AA==AA==:",
        "sha-256=:RK/0!:",
        "sha-256=:RK_0:",
        "sha-256=:AAAA:x",
        "=:AAAA:",
        "9=:AAAA:",
        "unknown=:R:",
        ":AAAA:",
        "sha-256=:AAAA: sha-512=:AAAA:",
        f"{SHA_256}, nonsense",
    ],
)
def test_a_malformed_field_is_unreadable_and_the_message_names_it(value):
    with pytest.raises(Unreadable, match="Content-Digest"):
        parse_digests("Content-Digest", value)


@given(st.text(alphabet="sha-256=:A/+= ,;*", max_size=40) | st.text(max_size=40))
def test_any_field_is_read_or_unreadable(value):
    try:
        digests = parse_digests("Repr-Digest", value)
    except Unreadable:
        return
    assert digests.keys() <= ALGORITHMS.keys()


def test_equal_digests_pass():
    found = {"sha-256": b"x" * 32, "sha-512": b"y" * 64}
    check_digests("Content-Digest", {}, found)
    check_digests("Content-Digest", {"sha-512": b"y" * 64}, found)
    check_digests("Content-Digest", found, found)


@pytest.mark.parametrize(
    "stated",
    [
        {"sha-256": b"z" * 32},
        {"sha-256": b""},
        {"sha-256": b"x" * 31},
        {"sha-256": b"x" * 32, "sha-512": b"z" * 64},
        {"sha-512": b"z" * 64, "sha-256": b"x" * 32},
    ],
)
def test_one_digest_that_differs_is_a_mismatch_and_the_message_names_the_field(stated):
    with pytest.raises(DigestMismatch, match="Repr-Digest"):
        check_digests("Repr-Digest", stated, {"sha-256": b"x" * 32, "sha-512": b"y" * 64})


def test_a_digest_is_written_as_a_byte_sequence():
    assert format_digest(hashlib.sha256(HELLO).digest()) == SHA_256


def test_only_the_two_secure_algorithms_are_checked():
    assert {a: base64.b64encode(hashlib.new(n).digest()[:3]) for a, n in ALGORITHMS.items()} == {
        "sha-256": b"47DE",
        "sha-512": b"z4Ph",
    }


def test_base64_without_its_padding_is_read():
    digest = hashlib.sha256(b"").digest()
    text = base64.b64encode(digest).decode().rstrip("=")
    assert parse_digests("Content-Digest", f"sha-256=:{text}:") == {"sha-256": digest}
