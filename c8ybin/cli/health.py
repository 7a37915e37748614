"""`c8ybin health`: asks a server how it is, for whoever watches a container or a service."""

import http.client
import json
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import click

from c8ybin.cli.options import PublicUrl, config_option, option
from c8ybin.cli.problems import Problem

WAIT_S = 5.0
# As serve may be told to listen, and what is asked then.
_EVERYWHERE = "0.0.0.0"  # noqa: S104 # nosec B104
_ANY = {_EVERYWHERE: "127.0.0.1", "::": "::1", "": "127.0.0.1"}


@click.command()
@config_option
@click.argument("url", type=PublicUrl(), required=False)
@option("--host", default="127.0.0.1", help="Where serve listens; of all addresses, loopback is asked.")
@option("--port", type=click.IntRange(1, 65535), default=8080, help="The port it listens on.")
@option("--tls-cert", type=click.Path(path_type=Path), help="It serves HTTPS, if any is named.")
@option("--tls-self-signed", is_flag=True, help="It serves HTTPS.")
def health(url: str | None, host: str, port: int, tls_cert: Path | None, tls_self_signed: bool) -> None:
    """Ask the server at URL, or the one that these options start, whether it takes writes.

    The exit code is 0 if it does, or is not to for now (read-only), and 1 if not; a line says which, and why. The
    certificate is not looked at, for nothing is told to whoever has it.
    """
    host = _ANY.get(host, host)
    scheme = "https" if tls_cert or tls_self_signed else "http"
    url = (url or f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}").rstrip("/")
    try:
        status, body = _asked(url)
    except TimeoutError:
        raise Problem(f"{url} does not answer within {WAIT_S:.0f} s; its log may say why.") from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or "it is no HTTP server"
        raise Problem(f"{url} does not answer: {reason}; is c8ybin serving there?") from None
    if status != http.client.OK:
        raise Problem(f"{url} takes no writes: {_message(body) or f'it answers {status}.'}")
    click.echo(f"{url} is up{', but read-only' if _is_read_only(body) else ''}.")


def _asked(url: str) -> tuple[int, bytes]:
    """Return status and body of its /health."""
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anybody.check_hostname = False
        anybody.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(parts.netloc, timeout=WAIT_S, context=anybody)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=WAIT_S)
    try:
        connection.request("GET", f"{parts.path}/health")
        answer = connection.getresponse()
        return answer.status, answer.read(65536)
    finally:
        connection.close()


def _is_read_only(body: bytes) -> bool:
    try:
        told = json.loads(body)
        return any(warning["kind"] == "read-only" for warning in told.get("warnings", ()))
    except (ValueError, TypeError, KeyError, AttributeError):
        return False


def _message(body: bytes) -> str:
    try:
        told = json.loads(body)
    except ValueError:
        return ""
    return str(told.get("message", "")) if isinstance(told, dict) else ""
