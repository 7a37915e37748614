"""The description of /c8ybin/reset, /c8ybin/seed and /c8ybin/faults, and of what goes wrong on purpose."""

from c8ybin.api.description.parts import Object, problems, query_parameter
from c8ybin.domain.queries import Parameter
from c8ybin.domain.sizes import format_size

TAG = "testers"
_HEADER = (
    "The header `X-C8ybin-Fault: status=503, delay=200` has the same members, but `method`, `path` and `count`, for "
    "the request that it is sent with, which then counts for no other fault. Addresses below /c8ybin/ and OPTIONS "
    "are spared."
)


def tester_paths(
    demo: Parameter, most_bytes: int, cuts: dict[str, str], numbers: dict[str, tuple[int, int, str]]
) -> Object:
    """Return the path items.

    Args:
        demo: The parameter of a reset.
        most_bytes: What a tar may have.
        cuts: Where a connection can be cut, and what that means.
        numbers: The members of a fault that are numbers: least, greatest, meaning.
    """
    fault: Object = {
        "type": "object",
        "properties": {
            name: {"type": "integer", "minimum": least, "maximum": most, "description": meaning}
            for name, (least, most, meaning) in numbers.items()
        }
        | {
            "cut": {
                "enum": list(cuts),
                "description": " ".join(f"`{name}`: {meaning}" for name, meaning in cuts.items()),
            },
            "method": {
                "type": "string",
                "description": "Of which requests; without it, of all.",
                "enum": ["GET", "HEAD", "POST", "PUT", "DELETE"],
            },
            "path": {
                "type": "string",
                "pattern": "^/[ -~]*$",
                "default": "/",
                "description": "How their path begins.",
            },
            "count": {"type": "integer", "minimum": 1, "default": 1, "description": "With how many of them."},
        },
    }
    event: Object = {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "id": {"type": "string"},
            "attachment": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "type": {"type": "string"},
                    "length": {"type": "integer"},
                },
            },
        },
        "required": ["path", "id"],
    }

    def answer(description: str, schema: Object) -> Object:
        return {"description": description, "content": {"application/json": {"schema": schema}}}

    def of(name: str, items: Object) -> Object:
        return {
            "type": "object",
            "properties": {name: {"type": "array", "items": items}},
            "required": [name],
        }

    tar: Object = {"schema": {"type": "string", "format": "binary"}}
    return {
        "/c8ybin/reset": {
            "post": {
                "tags": [TAG],
                "summary": "Back to nothing, or to the demo",
                "description": "Deletes every event and managed object one by one, durably, and forgets all faults; "
                "accounts stay. What others create meanwhile may stay, too. Only with `--demo`.",
                "parameters": [query_parameter(demo)],
                "responses": {"204": {"description": "It is done."}} | problems(422, 503, 507),
            }
        },
        "/c8ybin/seed": {
            "post": {
                "tags": [TAG],
                "summary": "Events and files from a tar",
                "description": "A directory with an `event.json` is one event, and the other file in it, if there is "
                "one, its attachment; any other file is an event of its own. What an `event.json` does not say is made "
                "up. Names that begin with a dot are passed over; links, devices and paths that lead out are refused. "
                f"At most {format_size(most_bytes)}, unpacked as well. Only with `--demo`.",
                "requestBody": {
                    "required": True,
                    "content": {"application/x-tar": tar, "application/gzip": tar},
                },
                "responses": {"201": answer("Which event has which ID.", of("events", event))}
                | problems(400, 408, 411, 413, 422, 503, 507),
            }
        },
        "/c8ybin/faults": {
            "get": {
                "tags": [TAG],
                "summary": "What is to go wrong with requests to come",
                "description": "Only with `--demo`.",
                "responses": {"200": answer("In the order in which it was asked for.", of("faults", fault))},
            },
            "post": {
                "tags": [TAG],
                "summary": "Let something go wrong with requests to come",
                "description": f"Of several that concern a request the first counts. {_HEADER} Only with `--demo`.",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": fault
                            | {"anyOf": [{"required": [n]} for n in ("status", "delay", "rate", "cut")]}
                        }
                    },
                },
                "responses": {"201": answer("The fault.", fault)} | problems(400, 408, 411, 413, 422, 503),
            },
            "delete": {
                "tags": [TAG],
                "summary": "Let nothing go wrong any more",
                "description": "Only with `--demo`.",
                "responses": {"204": {"description": "All faults are forgotten."}},
            },
        },
    }
