"""The table of rooms in docs/design.md, held against the code's own imports."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "c8ybin"
LINE = re.compile(r"\| `c8ybin/(\w+)(?:\.py)?` \|[^|]*\|([^|]*)\|")

# Every package that is no room and may be imported, by the rooms that may.
OUTSIDE = {"falcon", "waitress", "click", "pytest", "prometheus_client", "httpx", "rich"}


def rooms() -> dict[str, set[str]]:
    table = dict(LINE.findall((ROOT / "docs" / "design.md").read_text()))
    everything = set(table) | OUTSIDE
    return {
        room: everything if cell.strip().startswith("all") else set(re.findall(r"`(\w+)`", cell))
        for room, cell in table.items()
    }


def room_of(module: Path) -> str:
    first = module.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(module: Path) -> set[str]:
    """What a module imports: rooms by their name, packages by theirs, the standard library left out."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            names = [node.module or ""]
            if node.module == "c8ybin":
                names = [f"c8ybin.{alias.name}" for alias in node.names if alias.name != "__version__"]
        for name in names:
            first, _, rest = name.partition(".")
            if first == "c8ybin":
                found.add(rest.partition(".")[0])
            elif first not in sys.stdlib_module_names and first != "_typeshed":
                found.add(first)
    return found


MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE)


def test_every_room_is_in_the_table() -> None:
    assert {room_of(m) for m in MODULES} == set(rooms())


@pytest.mark.parametrize("module", MODULES, ids=lambda m: str(m.relative_to(PACKAGE)))
def test_module_imports_only_what_its_room_may(module: Path) -> None:
    room = room_of(module)
    assert imports(module) - {room} <= rooms()[room]


def test_only_fsio_calls_fsync_rename_and_flock() -> None:
    calls = re.compile(
        r"\bos\.(fsync|fdatasync|rename|replace|link)\(|\bfcntl\.|\.(rename|replace|hardlink_to)\(Path"
    )
    for module in MODULES:
        if room_of(module) != "fsio":
            assert not calls.search(module.read_text()), module


def test_only_cli_reads_the_environment() -> None:
    for module in MODULES:
        if room_of(module) != "cli":
            # `environ` alone is also what WSGI calls a request.
            text = module.read_text()
            assert not re.search(r"\bos\s*\.\s*(environ|getenv)|\bimport\b.*\b(environ|getenv)", text), module
