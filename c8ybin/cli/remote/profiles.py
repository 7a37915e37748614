"""The profile file: servers and what to log in there with, for its owner alone.

    [default]
    url = "https://events.example.com"
    user = "ann"
    password = "…"        # or token = "…"
    cacert = "/etc/ssl/our-authority.pem"

Source: the XDG base directory specification, for where it is.
"""

import json
import os
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path

from c8ybin import fsio
from c8ybin.cli.remote.exits import USAGE, Failure

DEFAULT = "default"
KEYS = ("url", "user", "password", "token", "cacert")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

Profile = Mapping[str, str]


def profile_file(environment: Mapping[str, str]) -> Path:
    """Return where it is, whether there is one or not."""
    home = Path(environment.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    return home / "c8ybin" / "profiles.toml"


def read_profiles(path: Path) -> dict[str, Profile]:
    """Read it; none where there is no file.

    Raises:
        Failure: It can be read by others, belongs to somebody else, or is not as above.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_mode & _OTHERS:
                mode = stat.S_IMODE(status.st_mode)
                raise Failure(
                    f"The profile file {path} lets others in than its owner (mode {mode:04o}): "
                    f"run chmod 600 {path}.",
                    USAGE,
                )
            if status.st_uid not in (os.geteuid(), 0):
                raise Failure(f"The profile file {path} belongs to another user.", USAGE)
            profiles = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise Failure(f"The profile file {path} cannot be read: {error.strerror}.", USAGE) from None
    except ValueError as error:
        raise Failure(f"The profile file {path} is not TOML: {error}.", USAGE) from None
    for name, profile in profiles.items():
        if not isinstance(profile, dict):
            raise Failure(f"The profile file {path} has {name} outside of a profile.", USAGE)
        for key, value in profile.items():
            if key not in KEYS or not isinstance(value, str):
                raise Failure(
                    f"Profile {name} of {path} has an unknown {key}; there are {', '.join(KEYS)}, all texts.",
                    USAGE,
                )
    return profiles


def write_profile(path: Path, name: str, profile: Profile) -> None:
    """Add or replace a profile; other ones stay, comments do not.

    Raises:
        Failure: What is there cannot be read, or it cannot be written.
    """
    _write(path, {**read_profiles(path), name: profile})


def remove_profile(path: Path, name: str) -> bool:
    """Remove a profile; return False when there is none.

    Raises:
        Failure: What is there cannot be read, or it cannot be written.
    """
    profiles = read_profiles(path)
    if name not in profiles:
        return False
    _write(path, {each: values for each, values in profiles.items() if each != name})
    return True


def _write(path: Path, profiles: Mapping[str, Profile]) -> None:
    text = "\n".join(
        f"[{_quoted(each)}]\n" + "".join(f"{key} = {_quoted(value)}\n" for key, value in values.items())
        for each, values in profiles.items()
    )
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Where the user's own folder is a link, that is meant.
        path = path.parent.resolve() / path.name
        draft = f".{path.name}.{fsio.unique_name()}"
        with fsio.replacing(path, draft, mode=fsio.PRIVATE_MODE) as file:
            file.write(text.encode())
    except OSError as error:
        raise Failure(f"The profile file {path} cannot be written: {error.strerror}.", USAGE) from None


def _quoted(text: str) -> str:
    """Write a basic string of TOML, which JSON's are but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
