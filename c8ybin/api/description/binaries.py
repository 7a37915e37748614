"""The description of /event/events/{id}/binaries."""

from c8ybin.api.description.parts import CONDITIONS, Object, header_fields, json_answer, pattern, problems
from c8ybin.bodies import Intake
from c8ybin.domain.labels import NAME_BYTES
from c8ybin.domain.ranges import CONTENT_RANGE
from c8ybin.domain.sizes import format_size


def binary_paths(intake: Intake) -> Object:
    """Return the path item."""
    file_limit, chunk_limit = format_size(intake.max_binary), format_size(intake.max_chunk)
    fields = [
        {
            "name": "Content-Range",
            "in": "header",
            "description": "Makes the body a chunk: `start-stop/length`, the stop inclusive, with or without "
            "`bytes `; the length may be `*` as long as one chunk tells it.",
            "schema": {"type": "string", "pattern": pattern(CONTENT_RANGE)},
        },
        {
            "name": "Content-Disposition",
            "in": "header",
            "description": 'Names the file of a raw body: `attachment; filename="…"`.',
            "schema": {"type": "string"},
        },
        {
            "name": "Content-Digest",
            "in": "header",
            "description": "Digest of this body (RFC 9530, sha-256 or sha-512); refused where it does not match.",
            "schema": {"type": "string"},
        },
        {
            "name": "Repr-Digest",
            "in": "header",
            "description": "Digest of the finished file; on a form, of its body. On a chunk it is remembered and "
            "held against the file when it is complete: where it does not match, the completing chunk does not "
            "count.",
            "schema": {"type": "string"},
        },
    ]
    body = {
        "required": True,
        "content": {
            "*/*": {"schema": {}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "object": {"type": "string", "description": "JSON with `name` and `type`; optional."},
                        "type": {"type": "string", "description": "A media type; optional."},
                        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
                    },
                }
            },
        },
    }
    answers = {
        "200": json_answer("IncompleteBinary", "event", "A chunk arrived, and bytes are missing still."),
        "201": json_answer("Binary", "event", "The file is complete and durable.", Location="The binary."),
    }
    refused = problems(400, 404, 408, 409, 411, 412, 413, 503, 507)
    chunks = (
        f"With Content-Range the body is one chunk of at most {chunk_limit}. Chunks may arrive in any order, "
        "side by side and twice. A chunk from 0 whose bytes differ from those that arrived there begins anew; "
        "another one that differs, a length unlike an earlier one, or a chunk beyond the told length is 409."
    )
    return {
        "/event/events/{event_id}/binaries": {
            "get": {
                "summary": "Download the binary",
                "description": "Accept is ignored. A single Range is obeyed, several are ignored.",
                "parameters": [
                    {
                        "name": "Range",
                        "in": "header",
                        "schema": {"type": "string", "examples": ["bytes=0-0"]},
                    },
                    *CONDITIONS,
                ],
                "responses": {
                    "200": {
                        "description": "The bytes, under the type that they were uploaded with, in a CSP sandbox.",
                        "content": {"*/*": {"schema": {}}},
                        **header_fields(
                            {
                                "Content_Disposition": "attachment, with the file's name.",
                                "ETag": "New with every upload.",
                                "Repr_Digest": "sha-256 of the file; of a long one that was just uploaded it may "
                                "be absent until it is known, about a second later.",
                            }
                        ),
                    },
                    "206": {
                        "description": "The part of it that was asked for.",
                        "content": {"*/*": {"schema": {}}},
                    },
                    "304": {"description": "The client has it already."},
                }
                | problems(404, 412, 416),
            },
            "post": {
                "summary": "Attach a file",
                "description": f"Raw, or as a form; at most {file_limit}. A name is made safe and cut to "
                f"{NAME_BYTES} bytes; without one it is the event's ID. {chunks}",
                "parameters": [*fields, *CONDITIONS],
                "requestBody": body,
                "responses": answers | refused,
            },
            "put": {
                "summary": "Replace the file, or attach one",
                "description": f"As POST, whatever the event had before; the old bytes stay readable until the "
                f"new ones are complete. {chunks}",
                "parameters": [*fields, *CONDITIONS],
                "requestBody": body,
                "responses": answers | refused,
            },
            "delete": {
                "summary": "Delete the binary and the incomplete upload",
                "parameters": CONDITIONS,
                "responses": {"204": {"description": "They are gone."}} | problems(404, 412, 503),
            },
        }
    }
