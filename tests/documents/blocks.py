"""The code blocks of the documents, and what each says of itself: which test runs it, or why none does."""

import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = (
    ROOT / "README.md",
    ROOT / "SECURITY.md",
    ROOT / "data" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
)
# What is run; other blocks draw a tree, or show a configuration or an answer.
RUN = frozenset(
    ("sh", "bash", "shell", "console", "python", "py", "js", "javascript", "node", "ts", "go", "powershell")
)

# A fence without a language says nothing; what begins so is typed in all the same.
_TYPED = re.compile(
    r"^(\$ |(sudo|ssh|curl|tar|pip|uv|npm|git|docker|systemctl|install|c8ybin|python3?) |\.?/?(scripts|dist)/)",
    re.MULTILINE,
)

_FENCE = re.compile(r"( *)(```+|~~~+) *(\w*)")
_MARK = re.compile(r"<!-- (tested|not run): (.+?) -->")
_INLINE = re.compile(r"(?<!`)`(c8ybin [^`]+)`(?!`)")


@dataclass(frozen=True, slots=True)
class Block:
    """A code block.

    Attributes:
        path: The document, relative to the checkout.
        line: Where it begins.
        language: As its fence says; empty where it says none.
        text: What is in it.
        test: The name by which a test finds it, or None.
        excuse: Why nobody runs it, or None.
    """

    path: str
    line: int
    language: str
    text: str
    test: str | None
    excuse: str | None

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"

    @property
    def is_command(self) -> bool:
        """Whether somebody who reads it may type it in."""
        return self.language.lower() in RUN or (not self.language and bool(_TYPED.search(self.text)))


def blocks_of(document: Path) -> list[Block]:
    """Return the code blocks of a document, in order."""
    found: list[Block] = []
    mark: re.Match[str] | None = None
    lines = iter(enumerate(document.read_text().splitlines(), 1))
    for number, line in lines:
        fence = _FENCE.match(line)
        if fence is None:
            mark = _MARK.fullmatch(line.strip()) if line.strip() else mark
            continue
        indent, fences, language = fence.groups()
        text: list[str] = []
        for _, inner in lines:
            if inner.strip() == fences:
                break
            text.append(inner.removeprefix(indent))
        kind, said = mark.groups() if mark else (None, None)
        found.append(
            Block(
                path=str(document.relative_to(ROOT)),
                line=number,
                language=language,
                text="\n".join(text) + "\n",
                test=said if kind == "tested" else None,
                excuse=said if kind == "not run" else None,
            )
        )
        mark = None
    return found


@cache
def all_blocks() -> tuple[Block, ...]:
    """Return the blocks of all documents."""
    return tuple(block for document in DOCUMENTS for block in blocks_of(document))


def block(name: str) -> Block:
    """Return the block that a test is named for."""
    (found,) = (block for block in all_blocks() if block.test == name)
    return found


def own_commands(text: str) -> list[list[str]]:
    """Return the words that follow c8ybin in each call of it in a block of shell."""
    calls: list[list[str]] = []
    for line in text.replace("\\\n", " ").splitlines():
        call: list[str] = []
        for word in [*shlex.shlex(line, posix=True, punctuation_chars=";|&()<>"), ";"]:
            if not re.fullmatch("[;|&()]+", word):
                call.append(word)
                continue
            command = _without_what_leads(call)
            if command and Path(command[0]).name == "c8ybin":
                calls.append(command[1:])
            call = []
    return calls


def _without_what_leads(call: list[str]) -> list[str]:
    """Drop what stands before a command: variables, `sudo`, the host of `ssh`, when cron is to give it."""
    if call[5:6] == ["root"]:
        call = call[6:]
    while call and (re.match(r"\w+=", call[0]) or call[0] in ("sudo", "exec", "time", "ssh")):
        call = call[2:] if call[0] == "ssh" else call[1:]
    return call


def inline_commands(document: Path) -> list[str]:
    """Return the calls of c8ybin that stand in the prose of a document."""
    prose = re.sub(r"^( *)```.*?^\1```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [re.sub(r"\s+", " ", call) for call in _INLINE.findall(prose)]
