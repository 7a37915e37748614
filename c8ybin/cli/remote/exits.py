"""How a client's command ends, for scripts; also for the man page."""

import click

REFUSED = 1
USAGE = 2
NOT_FOUND = 3
NOT_ALLOWED = 4
NO_CONNECTION = 5
WRONG_BYTES = 6
INTERRUPTED = 130

MEANINGS = {
    0: "done",
    REFUSED: "the server said no, or a file here cannot be used",
    USAGE: "wrong arguments, no server named, or a profile file that cannot be used",
    NOT_FOUND: "there is no such event, or it has no attachment",
    NOT_ALLOWED: "the credentials are missing or refused, or the account may not do that",
    NO_CONNECTION: "no connection, or none that lasted",
    WRONG_BYTES: "what arrived is not what was sent: the length or the digest differs",
    INTERRUPTED: "interrupted by Ctrl-C; the same command goes on from there",
}


class Failure(click.ClickException):
    """What a command cannot go on with: one sentence on standard error, and an exit code of `MEANINGS`."""

    def __init__(self, message: str, exit_code: int = REFUSED) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc] # that each may have its own is what this class is for
