"""The end of a server in this process."""

import threading

from c8ybin.server import Server, listen


def test_stop_after_the_end_touches_nothing() -> None:
    # The descriptor that wakes the loop is closed by then, and its number may be another file's.
    server = Server(lambda environ, start: [], listen("127.0.0.1", 0), largest_body=1, threads=1)
    finished: list[bool] = []
    thread = threading.Thread(target=lambda: finished.append(server.run()))
    thread.start()
    server.stop()
    thread.join()
    server.stop()
    assert finished == [True]
