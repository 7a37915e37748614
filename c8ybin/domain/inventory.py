"""Managed objects and external IDs: what a client may send, what is kept of it, and which a list holds.

Source: Cumulocity OpenAPI 10.15, sections Inventory and Identity.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from c8ybin.domain.errors import Invalid
from c8ybin.domain.events import Document
from c8ybin.domain.filters import Filter, parse_filter, unquoted
from c8ybin.domain.ids import EventId, is_id
from c8ybin.domain.queries import PAGES, Kind, Paging, Parameter, read_values

ID_CHARACTERS = 255

# Clients send back what they read, so these are passed over; there are no children here.
SERVER_OWNED = frozenset(
    {
        "id", "self", "creationTime", "lastUpdated", "childDevices", "childAssets", "childAdditions",
        "deviceParents", "assetParents", "additionParents",
    }
)  # fmt: skip
_TEXTS = ("name", "type", "owner")


def new_object(document: Document) -> Document:
    """Return what is kept of a posted managed object; members that are null count as absent.

    Raises:
        Invalid: `name`, `type` or `owner` is no string.
    """
    return merge_object({}, document)


def merge_object(present: Document, change: Document) -> Document:
    """Return a managed object with a change merged in at top level; null removes a member.

    Raises:
        Invalid: `name`, `type` or `owner` is no string.
    """
    merged = present | {k: v for k, v in change.items() if k not in SERVER_OWNED}
    kept = {k: v for k, v in merged.items() if v is not None}
    for name in _TEXTS:
        if not isinstance(kept.get(name, ""), str):
            raise Invalid(f"{name} must be a string.")
    return kept


class ExternalId(NamedTuple):
    """What another system calls a managed object; unique together with its type."""

    type: str
    value: str


def new_external_id(document: Document) -> ExternalId:
    """Read a posted external ID.

    Raises:
        Invalid: `type` or `externalId` is missing or not acceptable.
    """
    names = ("externalId", "type")
    missing = [name for name in names if document.get(name) is None]
    if missing:
        raise Invalid(f"Following mandatory fields should be included: {','.join(missing)}")
    for name in names:
        value = document[name]
        if not isinstance(value, str) or not 0 < len(value) <= ID_CHARACTERS:
            raise Invalid(f"{name} must be a string of 1 to {ID_CHARACTERS} characters.")
    return ExternalId(document["type"], document["externalId"])


@dataclass(frozen=True, slots=True)
class ObjectQuery:
    """The filters of a list of managed objects; None where one was not given.

    `own` are the only ones that exist for who asks.
    """

    ids: str | None = None
    type: str | None = None
    fragment_type: str | None = None
    owner: str | None = None
    text: str | None = None
    filters: tuple[Filter, ...] = ()
    own: frozenset[EventId] | None = None

    @property
    def wanted_ids(self) -> list[EventId] | None:
        """The IDs that are asked for, in order and each once; None where all are."""
        if self.ids is None:
            return None if self.own is None else sorted(self.own)
        wanted = {EventId(int(text)) for item in self.ids.split(",") if is_id(text := item.strip())}
        return sorted(wanted if self.own is None else wanted & self.own)

    def matches(self, document: Mapping[str, Any]) -> bool:
        """Tell whether a managed object belongs to the list."""
        return (
            (self.type is None or document.get("type") == self.type)
            and (self.owner is None or document.get("owner") == self.owner)
            and (self.fragment_type is None or self.fragment_type in document)
            and (self.text is None or _has_text(document, unquoted(self.text)))
            and all(accepts(document) for accepts in self.filters)
        )


def _has_text(value: object, text: str) -> bool:
    """Tell whether some string in a document is this one."""
    if isinstance(value, Mapping):
        return any(_has_text(child, text) for child in value.values())
    if isinstance(value, list):
        return any(_has_text(child, text) for child in value)
    return value == text


OBJECT_FILTERS = tuple(
    Parameter(*row)
    for row in (
        ("ids", "ids", Kind.TEXT, "Managed objects with one of these IDs, separated by commas."),
        ("type", "type", Kind.TEXT, "Managed objects of this type."),
        ("fragmentType", "fragment_type", Kind.TEXT, "Managed objects that have this fragment."),
        ("owner", "owner", Kind.TEXT, "Managed objects of this owner."),
        ("text", "text", Kind.TEXT, "Managed objects in which some string is this one."),
        (
            "query",
            "query",
            Kind.FILTER,
            "A filter like `$filter=(name eq 'pump*' and has(c8y_IsDevice))`, with `eq`, `has`, `and`, `or`, "
            "`not` and parentheses; `$orderby` has no effect.",
        ),
        ("q", "q", Kind.FILTER, "As `query`, of devices alone: those with the fragment `c8y_IsDevice`."),
    )
)
OBJECT_PAGES = tuple(parameter for parameter in PAGES if parameter.field != "oldest_first")

_IS_DEVICE = parse_filter("has(c8y_IsDevice)")


def parse_object_list(pairs: Iterable[tuple[str, str]]) -> tuple[ObjectQuery, Paging]:
    """Read the filters and the page of a list of managed objects; unknown parameters are passed over.

    Raises:
        Invalid: A parameter cannot be read; the message names it.
    """
    values = read_values(pairs, (*OBJECT_FILTERS, *OBJECT_PAGES), closed=False)
    filters = [values.pop("query")] if "query" in values else []
    if "q" in values:
        filters += [_IS_DEVICE, values.pop("q")]
    pages = {p.field for p in OBJECT_PAGES}
    return (
        ObjectQuery(**{k: v for k, v in values.items() if k not in pages}, filters=tuple(filters)),
        Paging(**{k: v for k, v in values.items() if k in pages}),
    )
