"""Why nothing can be built."""


class Unbuildable(Exception):
    """Something cannot be built here; the text is the end of a sentence that says what is missing."""
