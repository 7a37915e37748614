"""Request bodies as files.

Bytes are fed in as they arrive, from whichever server has them; they are hashed (long
ones only where the client stated a digest) and written once, and end as a `ReceivedBody`:
a handle on a file in the writer's own folder that `store` renames into place. `Intake`
hands out the receivers:

    intake.whole(...)   a raw body, POST or PUT
    intake.form(...)    a multipart/form-data body, of which the file part is kept
    intake.chunk(...)   one chunk of a file, into a spool file that is used again

A receiver is fed with `feed`, ends with `finish`, and leaves nothing behind where
its `with` block ends without a `finish`.
"""

from c8ybin.bodies.files import HASHED_ON_ARRIVAL, ReceivedBody, digests_of
from c8ybin.bodies.intake import Intake
from c8ybin.bodies.receivers import Received, Receiver, Stated

__all__ = ["HASHED_ON_ARRIVAL", "Intake", "Received", "ReceivedBody", "Receiver", "Stated", "digests_of"]
