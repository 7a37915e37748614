"""Forms by hand, and receivers in folders of their own."""

import itertools

import pytest

from c8ybin.bodies import Intake


@pytest.fixture(scope="session")
def cut():
    """Cut bytes at the given positions; those outside count as the nearest end."""

    def cut_at(data, positions):
        edges = [0, *sorted(min(p, len(data)) for p in positions), len(data)]
        return [data[a:b] for a, b in itertools.pairwise(edges)]

    return cut_at


@pytest.fixture(scope="session")
def form():
    """Write a form; a part is its header lines and its content."""

    def write(*parts, delimiter=b"--B"):
        lines = [
            delimiter
            + b"\r\n"
            + "".join(f"{line}\r\n" for line in header).encode()
            + b"\r\n"
            + content
            + b"\r\n"
            for header, content in parts
        ]
        return b"".join(lines) + delimiter + b"--\r\n"

    return write


@pytest.fixture(scope="session")
def part():
    """Write one part as clients do."""

    def write(name=None, content=b"", *, filename=None, type=None, more=()):  # noqa: A002
        disposition = "form-data"
        if name is not None:
            disposition += f'; name="{name}"'
        if filename is not None:
            disposition += f'; filename="{filename}"'
        kind = [] if type is None else [f"Content-Type: {type}"]
        return [f"Content-Disposition: {disposition}", *kind, *more], content

    return write


@pytest.fixture(scope="session")
def new_intake(tmp_path_factory):
    """Make an intake whose folder is empty."""

    def make(**limits):
        folder = tmp_path_factory.mktemp("writer")
        return Intake(folder, **limits), folder

    return make
