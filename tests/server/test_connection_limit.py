"""How many connections the server takes, by the descriptors that it may have."""

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
from c8ybin.server.serving import _connection_limit
print(_connection_limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "raised"),
    [
        (256, 8192, 2000, 4100),
        (256, 4096, 1998, 4096),
        (256, 1024, 462, 1024),
        (256, 256, 78, 256),
        (5000, 8192, 2000, 5000),
        (90, 90, 1, 90),
    ],
)
def test_each_connection_may_hold_a_file_too(soft: int, hard: int, connections: int, raised: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(soft), str(hard)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(connections), str(raised)]
