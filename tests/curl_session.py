"""The session with curl that the README prints, for whatever serves."""

import re
import subprocess
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def run_curl_session(url: str, folder: Path) -> None:
    """Run it against a server with the demo account, in a folder for its files; hold its answers to what it tells."""
    match = re.search(r"<!-- tested: session -->\n```sh\n(.*?)```", README.read_text(), re.DOTALL)
    assert match
    script = match[1].replace("http://127.0.0.1:8080", url)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert '"name":"agent.log"' in done.stdout
    assert '"range":"6-9/10"' in done.stdout
    assert '"range":"0-3,6-9/10"' in done.stdout
    assert '"name":"ten.bin","source"' in done.stdout
    assert "}0123456789345{" in done.stdout
    assert '"c8y_IsBinary":{"type":"text/plain","name":"ten.bin","length":10}' in done.stdout
