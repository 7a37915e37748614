"""The HTTP API: falcon resources, a module a URL family.

app.py          routes; the WSGI application that a server is given
access.py       who is asking, and whether that role may
problems.py     the one table that gives each error its status, and its JSON body
answers.py      media types, absolute links, entity tags
requests.py     the body of a request, in blocks
uploads.py      the header fields of an upload, and its body into a file
downloads.py    a part of a file as a stream
events.py       /event, /event/events, /event/events/{id}
binaries.py     /event/events/{id}/binaries
service.py      /health, /openapi.json
description/    the OpenAPI description, from what the resources say of themselves
"""

from c8ybin.api.answers import Links
from c8ybin.api.app import make_app

__all__ = ["Links", "make_app"]
