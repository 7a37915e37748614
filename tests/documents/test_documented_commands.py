"""What the documents show, run as they print it on a box with a real server: only paths and addresses differ."""

import pytest
from blocks import block
from commands import Box
from scenarios import SCENARIOS


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_the_documents_show_works(box: Box, name: str) -> None:
    SCENARIOS[name](box, block(name).text)
