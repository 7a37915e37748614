"""What the project rests on, as it tells it: the software bill of materials, the locks, the workflow."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import c8ybin

ROOT = Path(__file__).parent.parent
LOCKS = (
    "requirements.lock",
    "requirements-dev.lock",
    "scripts/build.lock",
    "scripts/supply-chain.lock",
    "tests/clients/python.lock",
)


def sbom(*arguments: str) -> str:
    command = [str(ROOT / "scripts" / "sbom"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def pins(lock: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9._-]+==[^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize(
    ("arguments", "lock"), [((), "requirements.lock"), (("--dev",), "requirements-dev.lock")]
)
def test_the_bill_names_each_release_of_the_lock_with_hashes_and_licence(
    arguments: tuple[str, ...], lock: str
) -> None:
    told: dict[str, Any] = json.loads(sbom(*arguments))
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.6")
    assert told["metadata"]["component"]["version"] == c8ybin.__version__
    assert {f"{c['name']}=={c['version']}" for c in told["components"]} == pins(lock)
    for component in told["components"]:
        assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
        assert component["hashes"]
        if component["scope"] == "required":
            assert component["licenses"], component["name"]
    (needs,) = [d["dependsOn"] for d in told["dependencies"] if "c8ybin" in d["ref"]]
    assert {"pkg:pypi/falcon", "pkg:pypi/waitress", "pkg:pypi/click"} <= {
        ref.partition("@")[0] for ref in needs
    }


def test_the_bill_is_the_same_each_time_and_has_no_address_of_a_download() -> None:
    told = sbom()
    assert sbom() == told
    assert re.findall(r"https?://[^\"]*", told) == ["http://cyclonedx.org/schema/bom-1.6.schema.json"]
    assert str(ROOT) not in told


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_a_hash_of_each_release_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert entries
    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"://|--(extra-)?index-url|--find-links", text)


def test_a_workflow_runs_nobody_elses_actions() -> None:
    for path in (ROOT / ".github" / "workflows").iterdir():
        assert "uses:" not in path.read_text()


def test_bandit_zizmor_and_the_schema_find_nothing() -> None:
    done = subprocess.run(
        [str(ROOT / "scripts" / "supply-chain")], capture_output=True, text=True, timeout=600
    )
    if "could not be installed" in done.stderr and not os.environ.get("CI"):
        pytest.skip("the tools could not be installed")
    assert done.returncode == 0, done.stdout + done.stderr
