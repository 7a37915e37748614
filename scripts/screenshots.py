"""Pictures of the console, in docs/: a list, an event, the overview, a phone."""

import json
import math
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "console")]

from browsing import launched, opened, sign_in  # noqa: E402
from harness import Connection, binaries, connected, servers  # noqa: E402
from playwright.sync_api import Browser, sync_playwright  # noqa: E402

from bench.tools import Missing  # noqa: E402
from c8ybin.domain.times import format_time  # noqa: E402
from c8ybin.seeds.papers import csv_text, log_text  # noqa: E402
from c8ybin.seeds.pictures import thermogram  # noqa: E402

DOCS = ROOT / "docs"
HOUR_MS = 3_600_000
MOST_BYTES = 200 * 1024
DAYS = 30

# Type, text, file name, media type; what is made for each is in `_content`.
KINDS = (
    ("c8y_Logfile", "Log of the last hour", "agent.log", "text/plain; charset=utf-8"),
    ("c8y_Thermogram", "Bearing above 80 °C", "thermogram.png", "image/png"),
    ("plant_Vibration", "Vibration spectrum, spindle 2", "spectrum.csv", "text/csv"),
    ("c8y_ConfigurationDump", "Configuration before the update", "gateway.json", "application/json"),
    ("c8y_DoorOpened", "Cabinet opened", "", ""),
    ("c8y_RestartDevice", "Restarted after power loss", "", ""),
)
SOURCES = ("press-07", "press-08", "kiln-02", "gateway-1", "pump-hall-3")


def _content(name: str, now: int, size: int) -> bytes:
    if name.endswith(".png"):
        return thermogram(0.8)
    if name.endswith(".csv"):
        return csv_text(now) * size
    if name.endswith(".json"):
        return json.dumps(
            {"mqtt": {"host": "broker.local", "port": 8883, "tls": True}, "interval_s": 60}
        ).encode()
    return log_text(now) * size


def fill(api: Connection) -> str:
    """Create a month of events; return the ID of one that is worth a look."""
    choose = random.Random(7)  # noqa: S311 - the same each time
    now = time.time_ns() // 1_000_000

    def create(kind: tuple[str, str, str, str], moment: int, **fragments: Any) -> str:
        name, text, file, media_type = kind
        event = {
            "source": {"id": choose.choice(SOURCES)},
            "type": name,
            "text": text,
            "time": format_time(moment),
        }
        _, body = api.ask("POST", "/event/events", json.dumps(event | fragments), Accept="application/json")
        event_id = str(json.loads(body)["id"])
        if file:
            disposition = f'attachment; filename="{file}"'
            data = _content(file, moment, choose.randrange(1, 90))
            api.ask(
                "POST", binaries(event_id), data, Content_Type=media_type, Content_Disposition=disposition
            )
        return event_id

    for day in range(DAYS):
        for _ in range(int(5 + 3 * math.sin(day / 3)) + choose.randrange(4) + (9 if day == 12 else 0)):
            create(choose.choice(KINDS), now - day * 24 * HOUR_MS - choose.randrange(9 * HOUR_MS))
    return create(
        KINDS[1],
        now - 4 * 60_000,
        plant_Camera={"model": "TC-2", "emissivity": 0.95, "range_C": [-20, 250]},
        plant_Reading={"max_C": 84.6, "limit_C": 80, "axis": "drive end"},
    )


def take(browser: Browser, url: str, event_id: str) -> None:
    """Take them all."""
    pictures = (
        ("event", f"events/{event_id}", "img.picture", {}),
        ("events", "events", ".row", {"color_scheme": "dark"}),
        ("overview", "overview", ".figures", {}),
        ("phone", "events", ".row", {"viewport": {"width": 390, "height": 780}, "locale": "de-DE"}),
    )
    for name, place, shown, settings in pictures:
        size = {"viewport": {"width": 1160, "height": 700}, "device_scale_factor": 1.5}
        with opened(browser, url, allowed="404", **(size | settings)) as page:
            sign_in(page)
            page.goto(f"{url}/#/{place}")
            page.locator(shown).first.wait_for()
            page.mouse.move(0, 0)
            page.wait_for_load_state("networkidle")
            path = DOCS / f"console-{name}.png"
            page.screenshot(path=path, animations="disabled")
            if path.stat().st_size > MOST_BYTES:
                sys.exit(f"screenshots: {path.name} has more than {MOST_BYTES // 1024} KiB; show less in it.")


def main() -> None:
    """Serve, fill, take."""
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder) / "data") as start:
        server = start("--demo")
        with connected(server) as api:
            event_id = fill(api)
        with sync_playwright() as playwright:
            try:
                browser = launched(playwright)
            except Missing as missing:
                sys.exit(f"screenshots: {missing}")
            take(browser, server.url, event_id)
            browser.close()


if __name__ == "__main__":
    main()
