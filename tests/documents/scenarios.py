"""All scenarios, in the order in which they are run: that of the pages, for the blocks of a page share the box."""

import of_file_systems
import of_operations
import of_the_clients
import of_the_disk
import of_the_readme
from commands import SCENARIOS

__all__ = ["SCENARIOS"]
# Imported for the scenarios that they note.
assert of_file_systems and of_operations and of_the_clients and of_the_disk and of_the_readme
