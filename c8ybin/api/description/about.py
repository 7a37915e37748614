"""What the description says of the whole, in Markdown, and how it is divided."""

from c8ybin.accounts import ROLES
from c8ybin.api.description.parts import Object

_ROLES = "\n".join(f"  - `{role}`: {meaning}" for role, meaning in ROLES.items())

ABOUT = f"""\
- **Addresses and methods.** A trailing slash means the same address, HEAD works where GET does, and
  `X-HTTP-METHOD: PUT` or `DELETE` on a POST emulates that method.
- **Answers** are `application/json` where Accept names it, else of the resource's own type.
- **Roles.**
{_ROLES}
- **Failed logins.** After ten of a user from an address more of them are 429 for a while, which Retry-After tells; a
  user or an address that fails often is slowed, too.
- **Accounts with sources.** For them only the events of these exist, and the managed objects whose ID is one of them,
  with their external IDs: anything else is 404, and in no list, total or deletion; to create an event of another
  source, or a managed object, is 403. An external ID that is taken is 409, whoever has it.
- **Requests in logs.** `X-Request-ID` names a request in the answer and in the server's logs: that of the client, where
  it is 1 to 64 letters, digits, `.`, `_` and `-`, else one that is made.
- **Read-only.** While the data is moved nothing is changed: whatever but GET, HEAD and OPTIONS is then 503 with
  Retry-After, for it passes and the request may be sent again unchanged. `/health` warns of it.
- **Pages of other origins** are answered where the server is told these; a preflight OPTIONS takes no account.
"""

# The first whose beginning an address has.
_TAGS = (
    ("events", "/event", "Events of devices, and how to find them."),
    ("inventory", "/inventory", "Devices and other managed objects."),
    ("identity", "/identity", "What other systems call a managed object."),
    ("tenant", ("/tenant", "/user"), "What clients ask first."),
    ("pages", ("/console", "/docs"), "Pages for people."),
    ("server", "/", "The server itself."),
)
_ATTACHMENTS = (
    "attachments",
    "The one file of an event: upload whole or in chunks, download, replace, delete.",
)


def tags() -> list[Object]:
    """Return the parts that the description is divided into, in the order in which they are shown."""
    found = [{"name": name, "description": text} for name, _, text in _TAGS]
    found.insert(1, dict(zip(("name", "description"), _ATTACHMENTS, strict=True)))
    return found


def tag(address: str) -> str:
    """Return the part that an address belongs to."""
    if address.endswith("/binaries"):
        return _ATTACHMENTS[0]
    if address == "/":
        return "pages"
    return next(name for name, beginnings, _ in _TAGS if address.startswith(beginnings))
