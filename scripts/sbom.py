"""The software bill of materials of this checkout, as CycloneDX 1.6.

Versions, hashes and who needs what come from the lock, licences from the metadata of what is installed. The
hashes of a component are those of all files of its release that may be installed, a wheel for each platform.
There are no times, addresses or random numbers in it.

Source: https://cyclonedx.org/docs/1.6/json/
"""

import json
import re
import sys
import uuid
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from c8ybin import __version__

ROOT = Path(__file__).parent.parent
_PIN = re.compile(r"([a-z0-9][a-z0-9._-]*)==([^\s;]+)(?: ; ([^\\]*\S))? \\$")
_HASH = re.compile(r" +--hash=sha256:([0-9a-f]{64})")
_VIA = re.compile(r" +# (?:via |  )([a-z0-9][a-z0-9._-]*)(?: \(.*\))?$")


@dataclass
class Pin:
    """One release of the lock.

    Attributes:
        only_where: The environment marker that it is needed under; empty for everywhere.
        needed_by: The names of those that need it.
    """

    name: str
    version: str
    only_where: str
    hashes: list[str] = field(default_factory=list)
    needed_by: list[str] = field(default_factory=list)

    @property
    def purl(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{self.name}@{self.version}"


def read_lock(text: str) -> list[Pin]:
    """Read the lines of a lock, as uv writes them.

    Raises:
        ValueError: One is not understood, so that nothing is left out unseen.
    """
    pins: list[Pin] = []
    for line in text.splitlines():
        if match := _PIN.match(line):
            pins.append(Pin(match[1], match[2], match[3] or ""))
        elif match := _HASH.match(line):
            pins[-1].hashes.append(match[1])
        elif match := _VIA.match(line):
            pins[-1].needed_by.append(match[1])
        elif line.strip(" #") != "via":
            raise ValueError(f"not understood: {line}")
    return pins


def licences(name: str) -> list[dict[str, Any]]:
    """Return what the metadata of an installed package says of its licence; nothing where it is not installed."""
    try:
        told = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return []
    if expression := told.get("License-Expression"):
        return [{"expression": expression}]
    named = [c.rpartition(" :: ")[2] for c in told.get_all("Classifier", []) if c.startswith("License :: ")]
    named = named or [text for text in [told.get("License", "")] if text and "\n" not in text]
    return [{"license": {"name": text}} for text in sorted(named)]


def component(pin: Pin) -> dict[str, Any]:
    """Write one release."""
    told: dict[str, Any] = {
        "type": "library",
        "bom-ref": pin.purl,
        "name": pin.name,
        "version": pin.version,
        "scope": "optional" if pin.only_where else "required",
        "hashes": [{"alg": "SHA-256", "content": content} for content in pin.hashes],
        "purl": pin.purl,
    }
    if found := licences(pin.name):
        told["licenses"] = found
    if pin.only_where:
        told["properties"] = [{"name": "c8ybin:marker", "value": pin.only_where}]
    return told


def document(pins: list[Pin]) -> dict[str, Any]:
    """Write all of it."""
    own = f"pkg:pypi/c8ybin@{__version__}"
    refs = {"c8ybin": own} | {pin.name: pin.purl for pin in pins}
    needs: dict[str, list[str]] = {ref: [] for ref in refs.values()}
    for pin in pins:
        for name in pin.needed_by:
            needs[refs[name]].append(pin.purl)
    components = [component(pin) for pin in pins]
    number = uuid.uuid5(uuid.NAMESPACE_URL, own + json.dumps(components, sort_keys=True))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{number}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": "c8ybin",
                "version": __version__,
                "licenses": [{"license": {"id": "MIT"}}],
                "purl": own,
            }
        },
        "components": components,
        "dependencies": [
            {"ref": ref, "dependsOn": sorted(set(wanted))} for ref, wanted in sorted(needs.items())
        ],
    }


def main(arguments: list[str]) -> None:
    """Write the document of a lock."""
    lock = "requirements-dev.lock" if arguments == ["--dev"] else "requirements.lock"
    if arguments not in ([], ["--dev"]):
        sys.exit("sbom: takes --dev or nothing.")
    json.dump(document(read_lock((ROOT / lock).read_text())), sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(sys.argv[1:])
