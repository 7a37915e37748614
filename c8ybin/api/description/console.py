"""The description of the pages for people."""

from c8ybin.api.description.parts import Object, header_fields, problems

_CONDITION: Object = {
    "name": "If-None-Match",
    "in": "header",
    "description": "Only where the entity tag is none of these.",
    "schema": {"type": "string", "examples": ["*"]},
}

_LOADED = ("text/css", "text/javascript", "application/json", "image/svg+xml")


def _file(summary: str, *media_types: str) -> Object:
    return {
        "summary": summary,
        "parameters": [_CONDITION],
        "responses": {
            "200": {
                "description": "The file.",
                "content": {media_type: {"schema": {}} for media_type in media_types},
                **header_fields({"ETag": "Changes with the file."}),
            },
            "304": {"description": "The client has it already."},
        },
    }


def console_paths() -> Object:
    """Return the path items."""
    paths: Object = {}
    for address, what in (("/", "The web console"), ("/docs", "This description, to read and to try")):
        file = _file(f"{what}: what the page loads", *_LOADED)
        file["responses"] |= problems(404)
        folder = "/console" if address == "/" else address
        paths |= {address: {"get": _file(what, "text/html")}, f"{folder}/{{file}}": {"get": file}}
    return paths
