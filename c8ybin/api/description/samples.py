"""Examples of requests, in the languages of those who send them: each told once, and written out for every language.

All are run against a real server by a test, with its address, and the ID of one of its events.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from c8ybin.api.description.chunked import CHUNKED

URL = "http://127.0.0.1:8080"
ACCOUNT = ("demo", "demo")
EVENT_ID = "891234567890123"
FILE = "agent.log"
LANGUAGES = ("curl", "Python", "JavaScript")

_EVENT = {"source": {"id": "1001"}, "type": "c8y_Logfile", "time": "2026-11-24T12:00:00Z", "text": "A log"}
_ITEM = f"/event/events/{EVENT_ID}"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to show.

    Attributes:
        body: JSON, where there is one.
        sends: The file that is its body, else.
        saves: The file that its answer goes to.
        takes_account: Whether it says who asks.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any] | None = None
    sends: str = ""
    saves: str = ""
    takes_account: bool = True


_JSON = {"Accept": "application/json"}
_REQUESTS = {
    "post_event_events": Request("POST", "/event/events", _JSON, body=_EVENT),
    "get_event_events": Request(
        "GET",
        "/event/events?source=1001&dateFrom=2026-11-01&dateTo=2026-12-01&pageSize=100&withTotalPages=true",
        _JSON,
    ),
    "get_event_events_event_id": Request("GET", _ITEM, _JSON),
    "put_event_events_event_id": Request("PUT", _ITEM, _JSON, body={"text": "A log, looked at"}),
    "delete_event_events_event_id": Request("DELETE", _ITEM, {}),
    "get_event_events_event_id_binaries": Request("GET", f"{_ITEM}/binaries", {}, saves=FILE),
    "post_event_events_event_id_binaries": Request(
        "POST",
        f"{_ITEM}/binaries",
        _JSON | {"Content-Type": "text/plain", "Content-Disposition": f'attachment; filename="{FILE}"'},
        sends=FILE,
    ),
    "delete_event_events_event_id_binaries": Request("DELETE", f"{_ITEM}/binaries", {}),
    "post_inventory_managedObjects": Request(
        "POST", "/inventory/managedObjects", _JSON, body={"name": "Pump in hall 3", "type": "c8y_Pump"}
    ),
    "get_health": Request("GET", "/health", {}, takes_account=False),
}
_IN_CHUNKS = "put_event_events_event_id_binaries"
OPERATIONS = (*_REQUESTS, _IN_CHUNKS)


def samples(operation_id: str) -> list[dict[str, str]]:
    """Return the examples of an operation, as viewers of OpenAPI take them (`x-codeSamples`); maybe none."""
    if operation_id == _IN_CHUNKS:
        sources = [text.format(url=f"{URL}{_ITEM}/binaries", file=FILE) for text in CHUNKED]
    elif request := _REQUESTS.get(operation_id):
        sources = ["\n".join(write(request)) for write in (_curl, _python, _javascript)]
    else:
        return []
    tags = ("Shell", "Python", "JavaScript")
    return [
        {"lang": tag, "label": label, "source": source}
        for tag, label, source in zip(tags, LANGUAGES, sources, strict=True)
    ]


def _curl(request: Request) -> Iterator[str]:
    words = ["curl --fail-with-body"]
    if request.takes_account:
        words.append("-u demo:demo")
    if request.method != ("POST" if request.body else "GET"):
        words.append(f"-X {request.method}")
    words += [f"-H '{name}: {value}'" for name, value in request.headers.items()]
    if request.body:
        words += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(request.body)}'"]
    if request.sends:
        words.append(f"--data-binary @{request.sends}")
    if request.saves:
        words.append(f"-o {request.saves}")
    yield " \\\n  ".join([*words, f"'{URL}{request.path}'"])


def _python(request: Request) -> Iterator[str]:
    arguments = [f'"{URL}{request.path}"']
    if request.takes_account:
        arguments.append(f"auth={json.dumps(ACCOUNT).replace('[', '(').replace(']', ')')}")
    if request.headers:
        arguments.append(f"headers={_quoted(request.headers)}")
    if request.body:
        arguments.append(f"json={json.dumps(request.body)}")
    if request.sends:
        arguments.append(f'content=open("{request.sends}", "rb")')
    yield "import httpx\n"
    yield f"answer = httpx.{request.method.lower()}("
    yield from (f"    {argument}," for argument in arguments)
    yield ")"
    yield "answer.raise_for_status()"
    if request.saves:
        yield f'open("{request.saves}", "wb").write(answer.content)'
    elif request.method != "DELETE":
        yield "print(answer.json())"


def _javascript(request: Request) -> Iterator[str]:
    headers = dict(request.headers) | ({"Content-Type": "application/json"} if request.body else {})
    lines = [f"{json.dumps(name)}: {_quoted_text(value)}" for name, value in headers.items()]
    if request.takes_account:
        lines.insert(0, 'Authorization: "Basic " + btoa("demo:demo")')
    if request.sends or request.saves:
        names = [
            name for name, is_used in (("readFile", request.sends), ("writeFile", request.saves)) if is_used
        ]
        yield f'import {{ {", ".join(names)} }} from "node:fs/promises";\n'
    yield f'const answer = await fetch("{URL}{request.path}", {{'
    if request.method != "GET":
        yield f'  method: "{request.method}",'
    if lines:
        yield "  headers: {"
        yield from (f"    {line}," for line in lines)
        yield "  },"
    if request.body:
        yield f"  body: JSON.stringify({json.dumps(request.body)}),"
    if request.sends:
        yield f'  body: await readFile("{request.sends}"),'
    yield "});"
    yield "if (!answer.ok) throw new Error((await answer.json()).message);"
    if request.saves:
        yield f'await writeFile("{request.saves}", Buffer.from(await answer.arrayBuffer()));'
    elif request.method != "DELETE":
        yield "console.log(await answer.json());"


def _quoted(headers: Mapping[str, str]) -> str:
    return "{" + ", ".join(f'"{name}": {_quoted_text(value)}' for name, value in headers.items()) + "}"


def _quoted_text(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'
