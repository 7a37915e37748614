"""What docs/operations.md shows: each block needs a state of the box, and shows something."""

import json
import re
import shutil
import signal
import ssl
import tarfile
from pathlib import Path

import pytest
from commands import BACKUPS, DATA, LOGS, SETTINGS, Box, attached, content_of, given_by_cron, read, scenario
from harness import DEMO, RunningServer, binaries, connected, until


def with_attachments(box: Box, *arguments: str) -> tuple[RunningServer, list[str]]:
    """Serve, with three attachments."""
    server = box.serve(*arguments)
    return server, [attached(server, bytes([number]) * 9, f"{number}.bin") for number in range(3)]


def in_backup(box: Box, name: str) -> dict[str, tarfile.TarInfo]:
    """The content files that an archive has, by the ID of the event."""
    with tarfile.open(box.root / BACKUPS / name) as archive:
        members = [member for member in archive.getmembers() if "/content-" in member.name]
    return {member.name.split("/")[-2]: member for member in members}


@scenario("ops-accounts")
def give_a_device_an_account(box: Box, text: str) -> None:
    box.serve()
    told = box.run(text)
    token = re.findall(r"c8y_[0-9A-Za-z_-]+", told)[0]
    ask = f"curl -sS -o /dev/null -w '%{{http_code}}' -H 'Authorization: Bearer {token}' {box.url}/user/currentUser"
    assert box.run(ask) == "401"
    box.run("c8ybin user enable pump --data /var/lib/c8ybin")
    assert box.run(ask) == "200"


@scenario("ops-backup")
def back_up(box: Box, text: str) -> None:
    server, ids = with_attachments(box)
    monday, rest = text.split("\n", 1)
    box.run(monday)
    later = attached(server, b"tuesday")
    listed = box.run(rest)
    assert f"/{later}/content-" in listed
    assert f"/{ids[0]}/content-" not in listed
    assert {*ids} <= {*in_backup(box, "monday.tar")}


@scenario("ops-cron")
def let_cron_do_it(box: Box, text: str) -> None:
    box.serve()
    box.run(text)
    for line in (box.root / "etc/cron.d/c8ybin").read_text().splitlines():
        box.run(given_by_cron(line))
    assert len(list((box.root / BACKUPS).glob("c8ybin-[1-7].tar"))) == 1


@scenario("ops-rsync")
def copy_by_rsync(box: Box, text: str) -> None:
    if shutil.which("rsync") is None:
        pytest.skip("rsync is not here (Debian package rsync)")
    _, ids = with_attachments(box)
    box.run(text)
    assert content_of(box.root / BACKUPS / "copy", ids[0]).read_bytes() == bytes(9)


@scenario("ops-restore")
def restore_beside(box: Box, text: str) -> None:
    box.run(text)
    restored = box.root / "srv/c8ybin-tuesday"
    for name in ("monday.tar", "tuesday.tar"):
        for event_id, member in in_backup(box, name).items():
            assert content_of(restored, event_id).stat().st_size == member.size


@scenario("ops-replace")
def restore_in_place(box: Box, text: str) -> None:
    (later,) = in_backup(box, "tuesday.tar")
    box.stop()
    before = Path(box.run(text).strip().splitlines()[-1])
    assert content_of(before, later).read_bytes() == b"tuesday"
    with connected(box.serve()) as connection:
        assert connection.ask("GET", f"/event/events/{later}")[0].status == 404
        assert connection.ask("GET", binaries(max(in_backup(box, "monday.tar"))))[0].status == 200


@scenario("ops-damaged-backup")
def save_what_is_left(box: Box, text: str) -> None:
    archive = box.root / BACKUPS / "monday.tar"
    kept, *_, cut = sorted(in_backup(box, "monday.tar").values(), key=lambda member: member.offset)
    whole = archive.read_bytes()
    archive.write_bytes(whole[: cut.offset_data + 4])
    told = box.run(text)
    archive.write_bytes(whole)
    assert "no more of it can be read" in told
    saved = box.root / "srv/c8ybin-saved"
    assert (saved / kept.name).stat().st_size == kept.size
    assert not (saved / cut.name).exists()
    assert list(saved.glob(f"quarantine/*/{cut.name}"))


@scenario("ops-move")
def move_to_another_box(box: Box, text: str) -> None:
    _, ids = with_attachments(box)
    box.run(text)
    assert content_of(box.root / "other" / DATA, ids[1]).read_bytes() == b"\1" * 9


@scenario("ops-sync")
def move_without_stopping(box: Box, text: str) -> None:
    _, ids = with_attachments(box)
    told = box.run(text)
    assert "is complete; start the server on it" in told
    assert "nothing is wrong" in told
    assert content_of(box.root / "srv/c8ybin", ids[1]).read_bytes() == b"\1" * 9
    box.run("c8ybin read-only off --data /var/lib/c8ybin")
    box.stop()  # the next one takes changes at once


@scenario("ops-after-a-cut")
def look_after_a_cut(box: Box, text: str) -> None:
    _, ids = with_attachments(box)
    box.stop(signal.SIGKILL)
    again = box.serve()
    assert until(lambda: len(list((box.data / "tmp").iterdir())) == 1)  # what was killed is swept
    assert '"UP"' in box.run(text)
    assert read(again, ids[2]) == b"\2" * 9


@scenario("ops-full-disk")
def make_room(box: Box, text: str) -> None:
    server = box.serve()
    old = {"source": {"id": "1001"}, "type": "old", "time": "2026-01-01T00:00:00Z", "text": "old"}
    with connected(server) as connection:
        assert connection.ask("POST", "/event/events", json.dumps(old))[0].status == 201
    for name in ("quarantine/x", "before-restore-x"):
        (box.data / name).mkdir(parents=True, exist_ok=True)
    told = box.run(text, AUTH=DEMO)
    assert '"totalElements":1' in told.replace(" ", "")
    with connected(server) as connection:
        _, left = connection.ask("GET", "/event/events?type=old", Accept="application/json")
    assert json.loads(left)["events"] == []
    assert not {"quarantine", "before-restore-x"} & {path.name for path in box.data.iterdir()}


@scenario("ops-damage")
def repair(box: Box, text: str) -> None:
    _, ids = with_attachments(box)
    content_of(box.data, ids[0]).write_bytes(b"x" * 9)
    told = box.run(text)
    assert "something is wrong" in told
    assert re.search(rf"^\S*/quarantine/\S+/{ids[0]}/content-", told, re.MULTILINE)


@scenario("ops-reindex")
def reindex(box: Box, text: str) -> None:
    with_attachments(box)
    assert "Indexed" in box.run(text)


@scenario("ops-before-an-upgrade")
def be_ready_to_go_back(box: Box, text: str) -> None:
    with_attachments(box)
    assert re.match(r"c8ybin \d+\.\d+", box.run(text))
    assert (box.root / BACKUPS / "before-the-upgrade.tar").stat().st_size


@scenario("ops-rotate")
def rotate(box: Box, text: str) -> None:
    log = box.root / LOGS / "audit.log"
    server, _ = with_attachments(box, "--audit-log", str(log))
    # A line comes soon after the answer: an event and an attachment are two.
    assert until(lambda: log.exists() and log.read_text().count('"POST"') == 6)
    box.run(text)
    attached(server, b"later")
    assert until(lambda: log.exists() and log.read_text().count('"POST"') == 2)
    assert (log.parent / "audit.log.1.gz").exists()


@scenario("ops-fingerprint")
def tell_the_fingerprint(box: Box, text: str) -> None:
    server = box.serve("--tls-self-signed")
    box.url = server.url
    told = box.run(text.replace("https://localhost:8080", f"https://localhost:{server.port}"))
    (fingerprint,) = re.findall(r"Fingerprint=([0-9A-F:]+)", told)
    spoken = " ".join(server.lines).upper().replace(":", "")
    assert fingerprint.replace(":", "") in spoken
    assert "UP" in told.splitlines()[-1]


@scenario("ops-certificate")
def try_a_certificate(box: Box, text: str) -> None:
    box.run(text)
    first, key = (box.root / SETTINGS / name for name in ("certificate.pem", "key.pem"))
    server = box.serve("--tls-cert", str(first), "--tls-key", str(key))
    before = ssl.get_server_certificate(("127.0.0.1", server.port))
    box.run(text)
    server.process.send_signal(signal.SIGHUP)
    assert until(lambda: ssl.get_server_certificate(("127.0.0.1", server.port)) != before)


@scenario("ops-size")
def measure(box: Box, text: str) -> None:
    with_attachments(box)
    inodes, _, _, events, attachments = box.run(text).splitlines()
    assert int(inodes.split()[0]) > 1040
    assert (int(events.split()[0]), int(attachments.split()[0])) >= (3, 3)
