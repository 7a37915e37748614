"""What docs/disk-format.md and data/README.md show: other programs that read a data directory, and add to it."""

import json

from commands import Box, attached, content_of, read, scenario
from harness import connected


@scenario("disk-writer")
def add_by_another_program(box: Box, text: str) -> None:
    server = box.serve()
    file = box.root / "home" / "pump.log"
    file.write_bytes(b"all is well\n")
    for expected in (0, 1):  # the second time the ID is taken
        done = box.run_python(text, box.data, 4711, file)
        assert bool(done.returncode) == bool(expected), done.stderr
    assert read(server, "4711") == b"all is well\n"
    box.stop()
    again = box.serve()
    with connected(again) as connection:
        _, listed = connection.ask("GET", "/event/events?type=imported", Accept="application/json")
    (event,) = json.loads(listed)["events"]
    assert (event["id"], event["c8y_IsBinary"]["name"]) == ("4711", "pump.log")
    box.stop()
    assert {finding["kind"] for finding in box.check()} <= {"dead writer"}


@scenario("disk-reader")
def list_attachments(box: Box, text: str) -> None:
    server = box.serve()
    small, changed, cut, large = (attached(server, d) for d in (b"a" * 9, b"b" * 9, b"c" * 9, bytes(2 << 20)))
    box.stop()
    assert box.run_python(text, box.data).returncode == 0
    # A torn last line: the half of a digest that was to follow.
    path = content_of(box.data, large).parent / "binary.json"
    path.write_bytes(path.read_bytes() + b'{"sha256":"00')
    content_of(box.data, changed).write_bytes(b"x" * 9)
    content_of(box.data, cut).write_bytes(b"c" * 8)
    done = box.run_python(text, box.data)
    words = {line.split("\t")[0]: line.split("\t")[1] for line in done.stdout.splitlines()}
    assert (words[small], words[changed], words[cut]) == ("whole", "changed", "cut")
    assert words[large] in ("whole", "undigested")
    assert (done.returncode, done.stderr) == (1, "")
    # It finds just what a check finds, but for torn lines.
    assert {f["path"].split("/")[-2] for f in box.check() if f["kind"] == "damaged attachment"} == {
        changed,
        cut,
    }
    for event_id, byte in ((changed, b"b"), (cut, b"c")):
        content_of(box.data, event_id).write_bytes(byte * 9)
