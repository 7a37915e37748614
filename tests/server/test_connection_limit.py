"""How many connections the server takes, by the descriptors that it may have."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
from c8ybin.server.serving import _connection_limit
print(_connection_limit(int(sys.argv[3])), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "connections", "raised"),
    [
        (256, 16384, 4096, 4096, 8356),
        (256, 8192, 2000, 2000, 4164),
        (256, 4096, 2000, 1966, 4096),
        (256, 1024, 2000, 430, 1024),
        (256, 256, 2000, 46, 256),
        (5000, 8192, 2000, 2000, 5000),
        (90, 90, 2000, 1, 90),
    ],
)
def test_each_connection_may_hold_a_file_too(
    soft: int, hard: int, wanted: int, connections: int, raised: int
) -> None:
    arguments = [str(number) for number in (soft, hard, wanted)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(connections), str(raised)]
    # The operator is told where it is fewer than wanted.
    assert ("open files" in done.stderr) == (connections < wanted)
