"""The documents, held against themselves and the program: blocks that are run, commands and links that exist."""

import re
from pathlib import Path

import click
import pytest
from blocks import DOCUMENTS, ROOT, Block, all_blocks, block, blocks_of, inline_commands, own_commands
from scenarios import SCENARIOS

from c8ybin.cli import main

COMMANDS = [found for found in all_blocks() if found.is_command]
# `[text](target)`, and not the inside of code.
_LINK = re.compile(r"\]\(([^)\s]+)\)")


PAGE = """
<!-- tested: one -->

```sh
# a
```
```sh
b
```
<!-- not run: why -->
- in a list

  ```python
  c
  ```

<!-- not run: so -->
```
$ d
```
```json
{}
```
```
docker run x
```
```
data/
  git/
```
"""


def test_a_mark_belongs_to_the_block_below_it_and_to_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blocks.ROOT", tmp_path)
    document = tmp_path / "page.md"
    document.write_text(PAGE)
    found = blocks_of(document)
    assert [(b.test, b.excuse, b.is_command) for b in found] == [
        ("one", None, True),
        (None, None, True),
        (None, None, True),
        (None, "so", True),
        (None, None, False),
        (None, None, True),
        (None, None, False),
    ]
    assert found[2].text == "c\n"


def test_calls_are_found_wherever_they_stand() -> None:
    text = (
        "sudo c8ybin user add A | c8ybin check --quick && x=$(./c8ybin backup \\\n  -o F) # c8ybin no\n"
        "cp /var/lib/c8ybin --no; A=b ssh box c8ybin restore -\n1 2 * * 0 root c8ybin check\nsystemctl edit c8ybin -x\n"
    )
    calls = [["user", "add", "A"], ["check", "--quick"], ["backup", "-o", "F"], ["restore", "-"], ["check"]]
    assert own_commands(text) == calls


@pytest.mark.parametrize("found", COMMANDS, ids=str)
def test_a_block_of_commands_is_run_or_says_why_not(found: Block) -> None:
    assert found.test or found.excuse, (
        f"{found} is no test's: write `<!-- tested: NAME -->` above it and the test, "
        "or `<!-- not run: REASON -->` where no test can run it."
    )


def test_no_two_blocks_have_one_name() -> None:
    names = [found.test for found in all_blocks() if found.test]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", sorted({found.test for found in all_blocks() if found.test}))
def test_a_block_that_is_said_to_be_tested_is(name: str) -> None:
    # By this folder, or by a test that finds it by the mark itself.
    mark = f"tested: {name} -->"
    elsewhere = [path for path in (ROOT / "tests").rglob("*.py") if path.parent != Path(__file__).parent]
    assert name in SCENARIOS or any(mark in path.read_text() for path in elsewhere)


def test_every_scenario_has_its_block() -> None:
    for name in SCENARIOS:
        assert block(name).text.strip()


def _check_call(words: list[str]) -> None:
    """Hold the names in a call of c8ybin against the program; what stands for a value is passed over."""
    command: click.Command = main
    for word in words:
        if isinstance(command, click.Group) and not word.startswith("-"):
            found = command.get_command(click.Context(command), word)
            assert found, f"c8ybin has no command {word} ({' '.join(words)})"
            command = found
        elif re.match(r"--?[a-z]", word):
            name = word.partition("=")[0]
            known = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
            known |= {"--help", "-h", "--version"}
            assert name in known, f"{command.name} has no option {name} ({' '.join(words)})"


@pytest.mark.parametrize("found", [b for b in COMMANDS if b.language in ("sh", "console", "")], ids=str)
def test_each_call_in_a_block_names_a_command_and_options_that_exist(found: Block) -> None:
    for words in own_commands(found.text.replace("$ ", "") if not found.language else found.text):
        _check_call(words)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(ROOT)))
def test_each_call_in_prose_names_a_command_and_options_that_exist(document: Path) -> None:
    for call in inline_commands(document):
        # `[--repair]`, `bash|zsh`, `FILE…` and the like are how prose writes alternatives.
        _check_call([w for w in re.split(r"[\s\[\]|…]+", call)[1:] if re.match(r"[a-z-]", w)])


def _anchors(document: Path) -> set[str]:
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: str(d.relative_to(ROOT)))
def test_every_link_within_the_checkout_leads_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in _LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (document.parent / path).resolve() if path else document
        assert there.exists(), f"{document.name} links to {target}"
        if anchor:
            assert anchor in _anchors(there), f"{document.name} links to {target}"
