"""nginx before the servers of several hosts, on a host of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bed import Bed
from harness import RunningServer

PORT = 80

# Where one event always goes to one host; in any other way it is just as right.
BY_EVENT = "hash $event consistent;"
IN_TURN = ""

LOCATION = """\
proxy_pass http://c8ybin;
proxy_http_version 1.1;
proxy_set_header Connection "";
proxy_set_header Host $http_host;
proxy_set_header X-Forwarded-For $remote_addr;
# An upload reaches the server while it comes, and a download the client.
proxy_request_buffering off;
proxy_buffering off;
# A host that is gone is passed over; what may have been done is sent to no other by itself.
proxy_connect_timeout 2s;
proxy_read_timeout 60s;
proxy_next_upstream error timeout;
"""

_CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 512; }}
http {{
    access_log off;
    {temporary}
    map $uri $event {{
        ~^/event/events/(?<id>[0-9]+) $id;
        default $request_id;
    }}
    upstream c8ybin {{
        {choice}
        {servers}
        keepalive 32;
    }}
    server {{
        listen {address}:{port};
        client_max_body_size 0;
        location / {{
{location}
        }}
    }}
}}
"""


def start(
    bed: Bed, nginx: str, host: str, servers: Mapping[str, RunningServer], choice: str
) -> RunningServer:
    """Start it as the part `nginx` of a bed.

    Args:
        bed: Where the hosts are.
        nginx: The command.
        host: Where it runs.
        servers: Those before which it stands, by their hosts.
        choice: `BY_EVENT` or `IN_TURN`.

    Returns:
        What can be asked as if it were one of the servers.
    """
    folder = bed.folder / "nginx"
    folder.mkdir(exist_ok=True)
    address = bed.hosts[host].address
    path = folder / "nginx.conf"
    path.write_text(
        _CONFIGURATION.format(
            folder=folder,
            location=LOCATION,
            temporary=_temporary(folder),
            choice=choice,
            servers="\n        ".join(
                f"server {server.host}:{server.port} max_fails=1 fail_timeout=2s;"
                for server in servers.values()
            ),
            address=address,
            port=PORT,
        )
    )
    if "nginx" in bed.parts:
        bed.parts["nginx"].kill()
    bed.add(
        "nginx", host, _command(nginx, path), is_ready=lambda: bed.hosts[host].answers(address, PORT)
    ).start()
    first = next(iter(servers.values()))
    return replace(first, host=address, url=f"http://{address}:{PORT}")


def _command(nginx: str, path: Path) -> Sequence[str]:
    return (nginx, "-c", str(path), "-e", "stderr")


def _temporary(folder: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "\n    ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
