"""What schemathesis checks besides its own checks; loaded by schemathesis, in its environment."""

import os
from typing import Any

import schemathesis  # type: ignore[import-not-found, unused-ignore]

if os.environ.get("C8YBIN_ATTACK_WITHOUT_CREDENTIALS"):

    @schemathesis.check  # type: ignore[untyped-decorator, unused-ignore]
    def refused_without_credentials(_: Any, response: Any, case: Any) -> None:
        """Hold that nothing but what is everybody's is answered, and that all else is 401, or 429 after guesses.

        A method that an address does not have is 405 for everybody, which tells no more than the description.
        """
        security = case.operation.definition.raw.get("security")
        has_method = case.method.lower() in case.operation.schema.raw_schema["paths"][case.operation.path]
        if security and has_method and response.status_code not in (401, 429):
            raise AssertionError(f"{response.status_code} without credentials")
