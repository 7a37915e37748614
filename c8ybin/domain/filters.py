"""The filters that clients write into `query` and `q`: as much of OData as those need.

    $filter=(name eq 'pump*' and not(has(c8y_IsDevice))) $orderby=name asc

go-c8y-cli looks a device up by its name so, c8y_api selects by name and fragments, and
@c8y/client builds them from objects. In a value `*` is any text; `''` is a quote.

Source: Cumulocity OpenAPI 10.15, "Query language"; OASIS OData 4.01, part 2.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

# Whether a document is one that is looked for.
Filter = Callable[[Mapping[str, Any]], bool]

LONGEST = 8192
_DEEPEST = 32
_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|([()])|([^\s()']+))")
_HAS = "has"


def parse_filter(text: str) -> Filter:
    """Read a filter, with or without `$filter=`; `$orderby` is passed over.

    Raises:
        ValueError: It is none, or has an operator that is not known here.
    """
    if len(text) > LONGEST:
        raise ValueError("too long")
    tokens = list(_tokens(text.strip().removeprefix("$filter=")))
    for number, token in enumerate(tokens):
        # c8y_api encodes a `+` that is to stand for a space.
        if token.lstrip("+&").startswith("$orderby="):
            if any("$filter=" in later for later in tokens[number:]):
                raise ValueError("a filter after the order")
            del tokens[number:]
            break
    return _Reader(tokens).read() if tokens else lambda _: True


def _tokens(text: str) -> Iterator[str]:
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match:
            raise ValueError("a quote is open")
        yield match[0].strip()
        position = match.end()


class _Reader:
    """Reads an expression by recursive descent: `or` of `and` of `not` and comparisons."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._depth = 0

    def read(self) -> Filter:
        found = self._any()
        if self._tokens:
            raise ValueError("something follows")
        return found

    def _next(self) -> str:
        if not self._tokens:
            raise ValueError("it ends early")
        return self._tokens.pop(0)

    def _goes_on(self, token: str) -> bool:
        if self._tokens and self._tokens[0].lower() == token:
            self._tokens.pop(0)
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._goes_on(token):
            raise ValueError(f"{token} is missing")

    def _any(self) -> Filter:
        parts = [self._all()]
        while self._goes_on("or"):
            parts.append(self._all())
        return lambda document: any(accepts(document) for accepts in parts)

    def _all(self) -> Filter:
        parts = [self._one()]
        while self._goes_on("and"):
            parts.append(self._one())
        return lambda document: all(accepts(document) for accepts in parts)

    def _one(self) -> Filter:
        if self._goes_on("not"):
            accepts = self._nested(self._one)
            return lambda document: not accepts(document)
        if self._goes_on("("):
            found = self._nested(self._any)
            self._expect(")")
            return found
        word = self._next()
        if word.lower() == _HAS and self._goes_on("("):
            path = _path(self._next())
            self._expect(")")
            return lambda document: _find(document, path) is not None
        return self._comparison(_path(word))

    def _nested(self, read: Callable[[], Filter]) -> Filter:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError("nested too deep")
        found = read()
        self._depth -= 1
        return found

    def _comparison(self, path: list[str]) -> Filter:
        self._expect("eq")
        wanted = _value(self._next())
        return lambda document: _is_like(_find(document, path), wanted)


def _path(word: str) -> list[str]:
    if not re.fullmatch(r"[^'(),]+", word):
        raise ValueError("no name")
    return re.split(r"[./]", word)


def unquoted(text: str) -> str:
    """Return the text that a value stands for: c8y_api puts quotes where it has a space, and doubles its own."""
    is_quoted = len(text) > 1 and text.startswith("'") and text.endswith("'")
    return (text[1:-1] if is_quoted else text).replace("''", "'")


def _value(word: str) -> str:
    if word in ("(", ")"):
        raise ValueError("no value")
    return unquoted(word)


def _find(document: Mapping[str, Any], path: list[str]) -> object:
    value: Any = document
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def _is_like(value: object, wanted: str) -> bool:
    """Compare as text; of strings in a list any may fit."""
    if isinstance(value, list):
        return any(_is_like(item, wanted) for item in value if not isinstance(item, list))
    if isinstance(value, bool):
        return wanted == str(value).lower()
    if not isinstance(value, str | int | float):
        return False
    text = str(value)
    first, *others = wanted.split("*")
    if not others:
        return text == first
    *middle, last = others
    if not text.startswith(first) or len(text) < len(first) + len(last) or not text.endswith(last):
        return False
    # In order and without going back, so that no pattern takes long.
    position, end = len(first), len(text) - len(last)
    for part in middle:
        position = text.find(part, position, end)
        if position < 0:
            return False
        position += len(part)
    return True
