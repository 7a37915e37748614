"""What makes a reader give the index up and have it made anew."""


class Unsound(Exception):
    """A file of the index is missing, damaged or of another format; the message says which."""


class Missing(Unsound):
    """There is no index, as in a new data directory, or in one from a backup: nothing is wrong."""
