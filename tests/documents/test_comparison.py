"""The figures of docs/comparison.md, held against those that `scripts/bench` wrote into the README."""

import re

import pytest
from blocks import ROOT

SERVERS = {
    "c8ybin": "c8ybin",
    "@tus/server": "@tus/server 1.x",
    "copyparty": "copyparty",
    "nginx": "nginx, dav module",
}


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _row_of(server: str) -> str:
    """Return the row of a server as the comparison should have it."""
    text = (ROOT / "README.md").read_text()
    measured = text.partition("<!-- bench:begin -->")[2].partition("<!-- bench:end -->")[0]
    rows = [_cells(line) for line in measured.splitlines() if line.startswith(f"| {SERVERS[server]} ")]
    # Without the CPU time in brackets; of uploads and of downloads.
    uploads, downloads = (
        [re.sub(r" \(.*\)", "", cell) for cell in row] for row in rows if "against" not in row
    )
    version = re.search(rf"Versions: .*?{re.escape(server)} ([\d.]*\d)", measured)
    assert version
    fsync = {"fsync": "yes", "no fsync": "no"}[uploads[1]]
    figures = (uploads[2], uploads[3], uploads[5], downloads[1], downloads[2], downloads[4], downloads[5])
    return f"| {server} {version[1]} | {fsync} | {' | '.join(figures)} |"


@pytest.mark.parametrize("server", SERVERS)
def test_the_comparison_has_the_figures_of_the_readme(server: str) -> None:
    page = re.sub(" +", " ", (ROOT / "docs" / "comparison.md").read_text())
    assert re.sub(" +", " ", _row_of(server)) in page
