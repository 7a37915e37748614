"""What both logs say of a request: one line each, whatever stands in it, and no secret."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from c8ybin.domain.exchanges import Exchange
from c8ybin.logs.access import access_line
from c8ybin.logs.audit import audit_gap, audit_line, is_told
from c8ybin.logs.lines import LINE_BYTES
from c8ybin.logs.texts import finished

# As log analysers read the combined format, with what follows it.
QUOTED = r'"((?:[^"\\]|\\.)*)"'
COMBINED = re.compile(
    rf"(\S+) (\S+) (\S+) \[([^\]]+)\] {QUOTED} (\d{{3}}) (\d+|-) {QUOTED} {QUOTED} (\d+) ([A-Za-z0-9._-]+)"
)
TOKEN = "c8y_0123456789_" + "s3cret-_" * 5 + "abc"

raw = st.text(st.characters(max_codepoint=255), max_size=3000)
anything = st.builds(
    Exchange,
    request_id=st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True),
    time_ms=st.integers(0, 2**42),
    peer=st.ip_addresses().map(str),
    method=st.none() | st.from_regex(r"[!#$%&'*+.^_`|~A-Za-z0-9-]{1,300}", fullmatch=True),
    path=st.none() | raw,
    version=st.sampled_from(["1.0", "1.1"]),
    status=st.integers(100, 599),
    received=st.integers(0, 2**40),
    sent=st.integers(0, 2**40),
    is_whole=st.booleans(),
    duration_s=st.floats(0, 1e6),
    referer=st.none() | raw,
    agent=st.none() | raw,
    notes=st.fixed_dictionaries({}, optional={"user": st.none() | st.text(), "name": st.none() | st.text()}),
)


def test_an_access_line_is_as_httpd_writes_it(exchange):
    line = access_line(exchange(agent='a "tool"\\', referer="http://a/", notes={"user": "ann lee"}))
    assert line == (
        r"192.0.2.1 - ann\x20lee [24/Nov/2026:12:00:00 +0000] "
        r'"GET /event/events HTTP/1.1" 200 512 "http://a/" "a \"tool\"\\" 12500 abc'
    )


def test_of_a_request_that_could_not_be_read_a_line_says_what_is_known(exchange):
    unread = exchange(method=None, path=None, status=400, sent=0)
    assert ' - - [24/Nov/2026:12:00:00 +0000] "-" 400 - "-" "-" ' in access_line(unread)
    members = json.loads(audit_line(unread))
    assert "method" not in members
    assert "path" not in members
    assert members["outcome"] == "refused"


def test_an_audit_line_says_who_did_what_to_which(exchange):
    notes = {
        "user": "ann",
        "address": "198.51.100.7",
        "method": "PUT",
        "resource": "/event/events/{event_id}/binaries",
        "event": "12",
        "name": "größe\n.txt",
    }
    line = audit_line(exchange(method="POST", path="/event/events/12/binaries", status=201, notes=notes))
    assert line.isascii()
    assert json.loads(line) == {
        "time": "2026-11-24T12:00:00.123Z",
        "request": "abc",
        "path": "/event/events/12/binaries",
        "status": 201,
        "outcome": "done",
        "received": 0,
        "sent": 512,
        "milliseconds": 12.5,
        **notes,
    }


@pytest.mark.parametrize(
    ("method", "status", "told"),
    [
        ("GET", 200, False),
        ("HEAD", 304, False),
        ("OPTIONS", 204, False),
        ("GET", 401, True),
        ("GET", 404, True),
        ("GET", 503, True),
        (None, 400, True),
        ("POST", 200, True),
        ("PUT", 201, True),
        ("DELETE", 204, True),
    ],
)
def test_what_changes_or_is_refused_is_audited(exchange, method, status, told):
    assert is_told(exchange(method=method, status=status)) is told


def test_an_answer_that_broke_off_is_told_as_such(exchange):
    assert json.loads(audit_line(exchange(is_whole=False)))["brokenOff"] is True
    assert "brokenOff" not in json.loads(audit_line(exchange()))


def test_a_gap_is_told_with_its_length():
    assert json.loads(audit_gap(17))["lost"] == 17


@pytest.mark.parametrize("line", [access_line, audit_line])
@given(exchange=anything)
def test_whatever_comes_is_one_line_that_can_be_read(line, exchange):
    written = finished(line(exchange))
    assert len(written) <= LINE_BYTES
    text = written.decode("ascii")
    assert re.fullmatch(r"[\x20-\x7e]+\n", text)
    if line is access_line:
        assert COMBINED.fullmatch(text.rstrip("\n"))
    else:
        assert json.loads(text)["request"] == exchange.request_id


@pytest.mark.parametrize("line", [access_line, audit_line])
def test_a_line_of_the_longest_texts_still_fits(exchange, line):
    raw = "\xff" * 9000
    notes = {"user": "🌡" * 999, "name": "🌡" * 255, "address": "2001:db8:1111:2222:3333:4444:5555:6666"}
    longest = exchange(method="x" * 9000, path=raw, referer=raw, agent=raw, notes=notes, request_id="z" * 64)
    assert 900 < len(finished(line(longest))) <= LINE_BYTES


@pytest.mark.parametrize("line", [access_line, audit_line])
def test_the_secret_of_a_token_is_nowhere(exchange, line):
    everywhere = exchange(
        status=401,
        path=f"/event/{TOKEN}",
        agent=f"x {TOKEN}",
        referer=f"http://a/{TOKEN}",
        notes={"user": TOKEN, "name": TOKEN},
    )
    text = finished(line(everywhere)).decode()
    assert "s3cret" not in text
    assert "c8y_0123456789_***" in text


def test_a_referer_has_neither_a_query_nor_a_password(exchange):
    line = access_line(exchange(referer="https://ann:pw@host/a?access_token=x#y"))
    assert '"https://host/a"' in line


def test_a_path_is_encoded_so_that_it_is_one_word(exchange):
    assert '"GET /a%20b%22%C3%A9%00 HTTP/1.1"' in access_line(exchange(path='/a b"\xc3\xa9\0'))
