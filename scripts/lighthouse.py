"""Lighthouse on the console: the scores of each view, over a demo server."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "console")]

from browsing import chromium  # noqa: E402
from clients.installing import installed  # noqa: E402
from harness import connected, servers  # noqa: E402

from bench.tools import Missing, install_node_modules  # noqa: E402

HERE = ROOT / "tests" / "console" / "lighthouse"
LEAST = 95
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")


def first_event(server) -> str:
    """Return the ID of an event that has an attachment."""
    with connected(server) as api:
        _, body = api.ask("GET", "/event/events?fragmentType=c8y_IsBinary&pageSize=1&type=c8y_Thermogram")
    return json.loads(body)["events"][0]["id"]


def main() -> int:
    """Run it, print the table, return 1 where a score is too low."""
    try:
        installed(HERE / "node_modules", HERE / "package-lock.json", lambda: install_node_modules(HERE))
        browser = chromium()
    except Missing as missing:
        sys.exit(f"lighthouse: {missing}")
    low = False
    with tempfile.TemporaryDirectory() as folder, servers(Path(folder) / "data") as start:
        server = start("--demo")
        views = ["signin", "events", f"events/{first_event(server)}", "overview"]
        command = ["node", HERE / "run.mjs", browser, server.url, "Basic ZGVtbzpkZW1v", *views]
        print("| view | " + " | ".join(CATEGORIES) + " |\n|---|" + "---:|" * len(CATEGORIES))  # noqa: T201
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:  # noqa: S603
            for line in running.stdout or ():
                row = json.loads(line)
                name = "an event" if "/" in row["view"] else row["view"]
                print(f"| {name} | " + " | ".join(str(row[c]) for c in CATEGORIES) + " |", flush=True)  # noqa: T201
                low |= any(row[c] < LEAST for c in CATEGORIES)
                if "-v" in sys.argv:
                    print("  ", ", ".join(row["failed"]))  # noqa: T201
    return int(low or running.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
