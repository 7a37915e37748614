"""The HTTP API: falcon resources, a module a URL family.

app.py          routes; the WSGI application that a server is given
access.py       who is asking, and whether that role may
problems.py     the one table that gives each error its status, and its JSON body
cors.py         pages of which other origins may use it
policies.py     what browsers and caches are told about every answer
answers.py      media types, absolute links, entity tags
notes.py        what the logs of requests learn of one
requests.py     the body of a request, in blocks or as a document
uploads.py      the header fields of an upload, and its body into a file
downloads.py    a part of a file as a stream
events.py       /event, /event/events, /event/events/{id}
binaries.py     /event/events/{id}/binaries
inventory.py    /inventory/managedObjects, /inventory/managedObjects/{id}
identity.py     /identity/globalIds/{id}/externalIds, /identity/externalIds/{type}/{externalId}
tenant.py       /tenant/currentTenant, /tenant/loginOptions, /user/currentUser
service.py      /health, /openapi.json
testers.py      /c8ybin/reset, /c8ybin/seed, /c8ybin/faults
faults.py       an application that goes wrong on purpose
overview.py     /c8ybin/overview
health.py       /health
metrics.py      /metrics
service.py      /openapi.json
description/    the OpenAPI description, from what the resources say of themselves
"""

from c8ybin.api.answers import Links
from c8ybin.api.app import Watch, make_app

__all__ = ["Links", "Watch", "make_app"]
