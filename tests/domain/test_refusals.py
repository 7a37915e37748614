"""What can be wrong with a request, in the words that the client is told."""

import errno
import os

import pytest

from c8ybin.domain import errors
from c8ybin.domain.errors import Refusal


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        (errors.EventNotFound(), "Finding event from database failed"),
        (errors.BinaryNotFound(), "Attachment not found"),
        (errors.BinaryExists(), "Attachment already exists"),
        (errors.RangeNotSatisfiable(10), "The file has 10 bytes; ask for a range within them."),
        (errors.DigestMismatch("X"), "The received bytes do not match X; send them again."),
        (errors.Unreadable("Say it again."), "Say it again."),
    ],
)
def test_each_has_the_message_of_the_contract(refusal, message):
    assert isinstance(refusal, Refusal)
    assert refusal.message == str(refusal) == message


def test_damage_is_named_to_the_operator_and_not_to_the_client():
    refusal = errors.Damaged("/var/lib/c8ybin/secret")
    assert refusal.what == "/var/lib/c8ybin/secret"
    assert "secret" not in refusal.message


def test_a_full_disk_is_known_as_full():
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(OSError) as caught:
        full.write(b"x")
    assert errors.is_full(caught.value)
    assert errors.is_full(OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)))


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOENT, errno.EROFS, errno.EFBIG])
def test_other_trouble_of_a_disk_is_not_known_as_full(code):
    assert not errors.is_full(OSError(code, os.strerror(code)))
