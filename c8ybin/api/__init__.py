"""The HTTP API: falcon resources, a module a URL family.

app.py          routes; the WSGI application that a server is given
access.py       who is asking, and whether that role may
problems.py     the one table that gives each error its status, and its JSON body
uploads.py      the header fields of an upload, and its body into a file
events.py       /event, /event/events, /event/events/{id}
binaries.py     /event/events/{id}/binaries
service.py      /health, /openapi.json
description.py  the OpenAPI description, from what the resources say of themselves
"""

from c8ybin.api.app import Settings, make_app

__all__ = ["Settings", "make_app"]
