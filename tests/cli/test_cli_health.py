"""`c8ybin health`, as a container's HEALTHCHECK runs it."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness import RunningServer


def ask(*arguments: str, **environment: str) -> tuple[int, str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("C8YBIN_")}
    done = subprocess.run(
        [sys.executable, "-m", "c8ybin", "health", *arguments],
        capture_output=True,
        text=True,
        env=clean | environment,
    )
    return done.returncode, done.stdout, done.stderr


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """Answer one request with these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve_once() -> None:
            connection = listener.accept()[0]
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve_once)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_a_server_that_takes_writes_is_0_by_address_and_by_the_options_of_serve(
    serve: Callable[..., RunningServer],
) -> None:
    server = serve("--demo", "--tls-self-signed")
    told = (0, f"{server.url} is up.\n", "")
    assert ask(server.url) == told
    assert (
        ask(C8YBIN_HOST="0.0.0.0", C8YBIN_PORT=str(server.port), C8YBIN_TLS_SELF_SIGNED="1")[:2]
        == ask("--port", str(server.port), "--tls-self-signed")[:2]
        == told[:2]
    )


def test_one_that_takes_no_writes_is_1_with_its_reason() -> None:
    body = b'{"status":"DOWN","error":"x","message":"The disk is full."}'
    head = f"HTTP/1.1 503 x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with answering(head + body) as url:
        assert ask(url) == (1, "", f"Error: {url} takes no writes: The disk is full.\n")
    with answering(b"HTTP/1.1 502 x\r\nContent-Length: 0\r\n\r\n") as url:
        assert ask(url) == (1, "", f"Error: {url} takes no writes: it answers 502.\n")


def test_nobody_and_a_stranger_are_1_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert ask(url) == (
        1,
        "",
        f"Error: {url} does not answer: Connection refused; is c8ybin serving there?\n",
    )
    with answering(b"220 smtp\r\n") as url:
        assert ask(url) == (
            1,
            "",
            f"Error: {url} does not answer: it is no HTTP server; is c8ybin serving there?\n",
        )
