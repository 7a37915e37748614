"""For those who test clients with pytest: a real server for a test.

The fixtures `c8y_server` and `c8y_session_server` are there where c8ybin is installed (plugin.py); without pytest,
`running` starts one (server.py). What it costs pytest to start is the import of this alone.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from c8ybin.testing.server import C8yServer, running

__all__ = ["C8yServer", "running"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    from c8ybin.testing import server

    return getattr(server, name)
