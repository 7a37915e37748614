"""What the comparison needs besides this checkout: C programs compiled, other servers installed."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
PROGRAMS = ("load", "floor", "wire")
_SBIN = Path("/usr/sbin")
_INSTALL_WITHIN_S = 300
_NPM_SAYS = ("npm error code", "npm ERR! code")


class Missing(Exception):
    """Something cannot be had on this machine; the text says what and why."""


@dataclass
class Tools:
    """Where the tools are; what could not be had is in `missing`, by the peer that needed it."""

    folder: Path
    nginx: Path | None = None
    tus: Path | None = None
    copyparty: Path | None = None
    missing: dict[str, str] = field(default_factory=dict)

    def program(self, name: str) -> Path:
        """Return one of the C programs."""
        return self.folder / name


def _run(command: Sequence[str | Path], cwd: Path | None = None) -> None:
    try:
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=_INSTALL_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{Path(command[0]).name}: {error}") from None
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "failed").splitlines()
        # npm ends with where its log is, and begins with what went wrong.
        told = next((line for line in lines if line.startswith(_NPM_SAYS)), lines[-1])
        raise Missing(f"{Path(command[0]).name}: {told}")


def _compiler() -> str:
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise Missing("no C compiler (Debian: apt-get install gcc libc6-dev)")
    return compiler


def compile_programs(folder: Path) -> None:
    """Compile the load generator and the floors.

    Raises:
        Missing: There is no C compiler, or it refuses.
    """
    compiler = _compiler()
    for name in PROGRAMS:
        _run(_compilation(compiler, name, folder))


def _compilation(compiler: str, name: str, folder: Path) -> list[str | Path]:
    return [compiler, "-O2", "-Wall", "-Wextra", "-pthread", "-o", folder / name, HERE / f"{name}.c"]


def add_tls(folder: Path) -> None:
    """Compile the load generator anew so that it speaks TLS.

    Raises:
        Missing: There are no headers of OpenSSL.
    """
    try:
        _run([*_compilation(_compiler(), "load", folder), "-DWITH_TLS", "-lssl", "-lcrypto"])
    except Missing:
        raise Missing("no headers of OpenSSL (Debian: apt-get install libssl-dev)") from None


def _has_dav(nginx: Path) -> bool:
    done = subprocess.run([nginx, "-V"], capture_output=True, text=True, check=False)
    return "http_dav_module" in done.stderr


def find_nginx(folder: Path) -> Path:
    """Return an nginx with its dav module: the installed one, or Debian's, unpacked beside and not installed.

    Unpacking needs no root and starts no service.

    Raises:
        Missing: Neither is to be had.
    """
    places = [shutil.which("nginx"), _SBIN / "nginx", folder / "nginx" / "usr" / "sbin" / "nginx"]
    for place in places:
        if place and Path(place).is_file() and _has_dav(Path(place)):
            return Path(place)
    if not shutil.which("apt-get"):
        raise Missing("no nginx with its dav module, and no apt-get")
    unpacked = folder / "nginx"
    reason = ""
    # Where the program itself is depends on Debian's release.
    for package in ("nginx", "nginx-light", "nginx-core"):
        shutil.rmtree(unpacked, ignore_errors=True)
        unpacked.mkdir()
        try:
            _run(["apt-get", "download", package], cwd=unpacked)
            for archive in unpacked.glob("*.deb"):
                _run(["dpkg-deb", "-x", archive, unpacked])
            if _has_dav(unpacked / "usr" / "sbin" / "nginx"):
                return unpacked / "usr" / "sbin" / "nginx"
            reason = f"{package} has no dav module"
        except (Missing, OSError) as error:
            reason = str(error)
    raise Missing(f"no nginx with its dav module: {reason}")


def install_node_modules(folder: Path) -> None:
    """Install what a folder's package-lock.json pins into its `node_modules`.

    Raises:
        Missing: There is no node or npm, or no registry.
    """
    for program in ("node", "npm"):
        if not shutil.which(program):
            raise Missing(f"no {program}")
    _run(["npm", "ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)


def install_python_packages(folder: Path, lock: Path) -> None:
    """Make a virtual environment with what a file pins, and nothing else; one that is there goes.

    Raises:
        Missing: No environment can be made, or there is no package index.
    """
    try:
        venv.create(folder, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Missing(f"no virtual environment: {error}") from None
    options = ("--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps")
    _run([folder / "bin" / "python", "-m", "pip", "install", *options, "-r", lock])


def install_tus(folder: Path) -> Path:
    """Install the tus server; return its program.

    Raises:
        Missing: There is no node or npm, or no registry.
    """
    target = folder / "tus"
    if not (target / "node_modules" / "@tus" / "server").is_dir():
        shutil.copytree(HERE / "tus", target, dirs_exist_ok=True)
        install_node_modules(target)
    return target / "server.mjs"


def install_copyparty(folder: Path) -> Path:
    """Install copyparty into an environment of its own; return that one's Python.

    Raises:
        Missing: No environment can be made, or there is no package index.
    """
    target = folder / "copyparty"
    installed = target / "installed"
    if not installed.exists():
        install_python_packages(target, HERE / "copyparty.lock")
        installed.touch()
    return target / "bin" / "python"


def set_up(folder: Path, wanted: Sequence[str]) -> Tools:
    """Get what the wanted peers need; those that cannot be had are named on standard error.

    Args:
        folder: Where it is kept; what an earlier run left there is used.
        wanted: Names of peers.

    Raises:
        Missing: Not even the load generator can be compiled.
    """
    folder.mkdir(parents=True, exist_ok=True)
    compile_programs(folder)
    tools = Tools(folder)
    for name, get in (("nginx", find_nginx), ("tus", install_tus), ("copyparty", install_copyparty)):
        if name in wanted:
            try:
                setattr(tools, name, get(folder))
            except Missing as error:
                _leave_out(tools, name, error)
    if "c8ybin-tls" in wanted:
        try:
            add_tls(folder)
        except Missing as error:
            _leave_out(tools, "c8ybin-tls", error)
    return tools


def _leave_out(tools: Tools, name: str, error: Missing) -> None:
    tools.missing[name] = str(error)
    sys.stderr.write(f"bench: {name} is left out: {error}\n")
