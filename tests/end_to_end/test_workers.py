"""Real servers of several processes: starting, dying, stopping, and what systemd passes and hears."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from harness import RunningServer, Serve, binaries, connected, is_gone, pattern, refuses, until

from c8ybin.cli.serve import default_workers
from c8ybin.server import listen

MIB = 1024 * 1024

# Executes the rest of its arguments as systemd would, with standard input as the listening socket.
ACTIVATED = ("sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&0 0</dev/null', "sh")


def writers(tmp_path: Path) -> set[str]:
    """The folders of the processes that use the data directory."""
    return {path.name for path in (tmp_path / "data" / "tmp").iterdir()}


def is_healthy(server: RunningServer) -> bool:
    with connected(server) as c:
        return c.ask("GET", "/health")[0].status == 200


def test_the_default_is_a_worker_for_each_cpu_but_at_most_four(serve: Serve) -> None:
    cpus = len(os.sched_getaffinity(0))
    assert default_workers() == min(cpus, 4)
    assert len(serve("--demo", workers=None).workers()) == (min(cpus, 4) if cpus > 1 else 0)


@pytest.mark.skipif(not shutil.which("taskset"), reason="needs taskset")
def test_on_one_cpu_one_process_serves(serve: Serve) -> None:
    cpu = min(os.sched_getaffinity(0))
    server = serve("--demo", prefix=("taskset", "-c", str(cpu)), workers=None)
    assert (server.workers(), is_healthy(server)) == (set(), True)


def test_each_worker_answers_and_sees_what_the_other_stored(serve: Serve) -> None:
    server = serve("--demo", workers=2)
    one, other = server.workers()
    events = {}
    for stopped in (one, other):
        os.kill(stopped, signal.SIGSTOP)
        with connected(server) as c:
            for event_id, data in events.items():
                assert c.ask("GET", binaries(event_id))[1] == data
            event_id = c.create_event()
            events[event_id] = str(stopped).encode()
            assert c.ask("POST", binaries(event_id), events[event_id])[0].status == 201
        os.kill(stopped, signal.SIGCONT)
    assert server.stop() == 0


def test_a_stop_leaves_no_process_and_no_folder(serve: Serve, tmp_path: Path) -> None:
    server = serve("--demo", workers=3)
    workers = server.workers()
    assert (len(workers), len(writers(tmp_path))) == (3, 3)
    assert server.stop() == 0
    assert all(map(is_gone, workers))
    assert writers(tmp_path) == set()
    assert server.lines[-1].endswith("stopped")


def test_a_worker_that_was_killed_is_replaced_and_swept_while_service_goes_on(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve("--demo", workers=2)
    before, folders = server.workers(), writers(tmp_path)
    victim = min(before)
    with connected(server) as c:
        event_id = c.create_event()
    os.kill(victim, signal.SIGKILL)
    assert until(lambda: len(server.workers() - {victim}) == 2)
    (other,) = before & server.workers()
    # One old folder stays, that of the other; the new worker sweeps what it finds before it rests.
    assert until(lambda: len(writers(tmp_path)) == 2 and len(writers(tmp_path) & folders) == 1)
    # The new one alone.
    os.kill(other, signal.SIGSTOP)
    with connected(server) as c:
        assert c.ask("POST", binaries(event_id), b"hello")[0].status == 201
    os.kill(other, signal.SIGCONT)
    assert server.stop() == 0
    assert writers(tmp_path) == set()
    assert f"worker {victim} ended by signal 9; another takes its place" in "\n".join(server.lines)


# Not SIGHUP, which nohup(1) has ignored in all that it starts.
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGUSR1])
def test_workers_whose_supervisor_is_killed_finish_and_leave(
    serve: Serve, tmp_path: Path, number: int
) -> None:
    server = serve("--demo", workers=2)
    workers = server.workers()
    data = pattern(2 * MIB)
    with connected(server) as c:
        event_id = c.create_event()
        c.begin_upload(event_id, data)
        os.kill(server.process.pid, number)
        assert server.process.wait(30) == -number
        assert until(lambda: refuses(server))
        c.finish_upload(data)
    assert until(lambda: all(map(is_gone, workers)))
    assert writers(tmp_path) == set()
    with connected(serve("--demo")) as c:
        assert c.ask("GET", binaries(event_id))[1] == data


@pytest.mark.parametrize("workers_first", [True, False])
def test_a_signal_to_all_processes_at_once_ends_them_gently(
    serve: Serve, tmp_path: Path, workers_first: bool
) -> None:
    server = serve("--demo", workers=2)
    data = pattern(2 * MIB)
    with connected(server) as c:
        event_id = c.create_event()
        c.begin_upload(event_id, data)
        pids = [*server.workers(), server.process.pid]
        for pid in pids if workers_first else reversed(pids):
            os.kill(pid, signal.SIGTERM)
        assert until(lambda: refuses(server))
        c.finish_upload(data)
    assert server.process.wait(30) == 0
    assert writers(tmp_path) == set()


@pytest.mark.parametrize("damage", ["foreign", "accounts"])
def test_workers_that_cannot_start_are_one_sentence_and_an_exit_code(tmp_path: Path, damage: str) -> None:
    data = tmp_path / "data"
    if damage == "foreign":
        data.mkdir()
        (data / "thesis.tex").write_text("years of work")
    else:
        subprocess.run(
            [sys.executable, "-m", "c8ybin", "user", "add", "ann", "--password-stdin", "--data", str(data)],
            input=b"secret\n",
            check=True,
        )
        (data / "accounts.json").write_text("{")
    done = subprocess.run(
        [sys.executable, "-m", "c8ybin", "serve", "--data", str(data), "--port", "0", "--workers", "3"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert damage == "foreign" or writers(tmp_path) == set()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_passed_socket_is_served_and_outlasts_the_server(serve: Serve, workers: int) -> None:
    with closing(listen("127.0.0.1", 0)) as listener:
        # Who comes before the start waits for it, and so does who comes between two starts.
        waiting = socket.create_connection(listener.getsockname())
        for _ in range(2):
            waiting.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            server = serve("--demo", prefix=ACTIVATED, stdin=listener, workers=workers)
            assert server.port == listener.getsockname()[1]
            assert waiting.makefile("rb").read().startswith(b"HTTP/1.0 200 OK\r\n")
            waiting.close()
            assert server.stop() == 0
            waiting = socket.create_connection(listener.getsockname())
        waiting.close()


def test_an_unfit_socket_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    done = subprocess.run(
        [*ACTIVATED, sys.executable, "-m", "c8ybin", "serve", "--data", str(tmp_path / "data")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "not a listening TCP socket" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("abstract", [False, True])
def test_the_service_manager_hears_of_readiness_and_of_the_end(
    serve: Serve, tmp_path: Path, workers: int, abstract: bool
) -> None:
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name if abstract else name)
        manager.settimeout(30)
        server = serve("--demo", workers=workers, NOTIFY_SOCKET="@" + name if abstract else name)
        ready = manager.recv(1000).decode().split("\n")
        assert ready == ["READY=1"] if workers == 1 else ["READY=1", "STATUS=2 of 2 workers run"]
        data = pattern(MIB)
        with connected(server) as c:
            event_id = c.create_event()
            c.begin_upload(event_id, data)
            server.process.send_signal(signal.SIGTERM)
            # It is told when the end begins, not when it is over.
            assert manager.recv(1000) == b"STOPPING=1"
            c.finish_upload(data)
        assert server.process.wait(30) == 0


def test_the_service_manager_hears_how_many_workers_run(serve: Serve, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        server = serve("--demo", workers=2, NOTIFY_SOCKET=str(tmp_path / "notify"))
        manager.recv(1000)
        os.kill(min(server.workers()), signal.SIGKILL)
        assert manager.recv(1000) == b"STATUS=1 of 2 workers run"
        assert manager.recv(1000) == b"STATUS=2 of 2 workers run"
