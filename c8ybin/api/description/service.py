"""The description of what is the server's own."""

from c8ybin.api.description.parts import Object, ref


def service_paths() -> Object:
    """Return the path items."""
    up: Object = {"type": "object", "properties": {"status": {"const": "UP"}}, "required": ["status"]}
    return {
        "/health": {
            "get": {
                "summary": "Whether the store can take a write",
                "responses": {
                    "200": {"description": "It can.", "content": {"application/json": {"schema": up}}},
                    "503": {
                        "description": "It cannot; the message says why.",
                        "content": {"application/json": {"schema": ref("Error")}},
                    },
                },
            }
        },
        "/openapi.json": {
            "get": {
                "summary": "This description",
                "responses": {
                    "200": {"description": "OpenAPI 3.1", "content": {"application/json": {"schema": {}}}}
                },
            }
        },
    }
