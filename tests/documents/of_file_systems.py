"""What docs/primitives.md shows."""

import json

from commands import Box, scenario


@scenario("doctor")
def probe_the_data_directory(box: Box, text: str) -> None:
    box.serve()
    before = sorted(path.name for path in box.data.iterdir())
    told = box.run(text)
    assert f"The store may live in {box.data}, for one host." in told
    summary = next(json.loads(line) for line in told.splitlines() if line.startswith("{"))
    assert (summary["fit"], summary["lacks"]) == (True, [])
    assert sorted(path.name for path in box.data.iterdir()) == before
