"""Everything out of a store again."""

from contextlib import suppress

from c8ybin.domain.conditions import Precondition
from c8ybin.domain.errors import EventNotFound, ObjectNotFound
from c8ybin.domain.ids import EventId
from c8ybin.domain.queries import Query
from c8ybin.seeds.planting import at_once
from c8ybin.store import Store


def clear(store: Store) -> None:
    """Delete every event with its file or upload, and every managed object with its external IDs.

    Several at once, each as a client would: whoever reads meanwhile sees an event as it was or not
    at all, and where this is cut short, what is gone is gone and the rest is whole. What others create
    meanwhile may stay. Accounts are left alone.

    Raises:
        OSError: EIO: some of it is there, or its removal may not survive a power cut.
    """

    def delete(event_id: EventId) -> None:
        with suppress(EventNotFound):  # somebody else deleted it meanwhile
            store.events.delete(event_id, Precondition())

    at_once(delete, list(store.listing.ids(Query())))
    for object_id in store.inventory.ids():
        with suppress(ObjectNotFound):
            store.inventory.delete(object_id)
