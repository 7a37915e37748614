"""Attachments of IoT events on a plain file system, behind the HTTP API of Cumulocity.

An attachment's way is straight: socket -> `server` -> `api`, which decides and feeds
`bodies` -> `store` -> disk. `docs/design.md` names the rooms and what each may import.
"""

__version__ = "0.1.0"
