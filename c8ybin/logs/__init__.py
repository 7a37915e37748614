"""The logs of requests: a line for each, appended by a thread of its own.

lines.py        a queue, and the thread that writes what is in it
access.py       a line in the combined format
audit.py        a line in JSON, for what changes something or is refused
book.py         both, as a server tells of its requests
"""

from c8ybin.logs.book import Book, LogFile

__all__ = ["Book", "LogFile"]
