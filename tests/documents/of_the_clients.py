"""What docs/commands.md and docs/testing.md show of clients, and docs/operations.md of watching."""

import json

from commands import URL, Box, scenario
from harness import connected


@scenario("client")
def be_a_client(box: Box, text: str) -> None:
    server = box.serve()
    home = box.root / "home"
    for name, data in (
        ("dump.bin", bytes(range(256)) * 8192),
        ("log.txt", b"log"),
        ("agent.log", b"all is well"),
    ):
        (home / name).write_bytes(data)
    login, rest = text.split("\n", 1)
    asked = login.partition("#")[0].replace("https://box.example.com", server.url).replace(" ann", " demo")
    box.run(f"{asked} --password-stdin <<<demo")
    told = box.run(rest)
    assert "all is well" in told
    with connected(server) as connection:
        _, listed = connection.ask("GET", "/event/events?source=1001&pageSize=3", Accept="application/json")
    names = [event.get("c8y_IsBinary", {}).get("name") for event in json.loads(listed)["events"]]
    assert sorted(map(str, names)) == ["None", "dump.bin", "log.txt"]


@scenario("faults")
def let_something_go_wrong(box: Box, text: str) -> None:
    box.serve()
    seeds = box.root / "home" / "seeds" / "leak"
    seeds.mkdir(parents=True)
    (seeds / "event.json").write_text('{"text": "A leak"}')
    (seeds / "photo.png").write_bytes(b"png")
    told = box.run(text, URL=box.url)
    assert "photo.png" in told or '"id"' in told
    assert '"error"' in told  # the 503
    with_events = box.run(f"curl -sS -u demo:demo {box.url}/event/events")
    assert '"events":[]' in with_events.replace(" ", "")


@scenario("watch")
def watch(box: Box, text: str) -> None:
    box.serve()
    told = box.run(
        text.replace("C8YBIN_USER=admin C8YBIN_PASSWORD=…", "C8YBIN_USER=demo C8YBIN_PASSWORD=demo")
    )
    assert URL in text
    assert json.loads(told)
