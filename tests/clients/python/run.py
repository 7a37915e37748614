"""Runs checks and tells of each by a line of JSON: `run.py SETTING PACKAGE MODULE...`."""

import importlib
import json
import logging
import sys
import traceback
from importlib.metadata import version

from checks import CHECKS


def tell(**what: str | None) -> None:
    sys.stdout.write(json.dumps(what) + "\n")


def main() -> None:
    logging.basicConfig(level=logging.ERROR)  # what a client logs goes to standard error
    _, _, package, *modules = sys.argv
    tell(version=version(package))
    for name in modules:
        importlib.import_module(name)
    for function in CHECKS:
        failure = None
        try:
            function()
        except Exception:
            failure = traceback.format_exc()
        tell(check=function.__name__, failure=failure)


main()
