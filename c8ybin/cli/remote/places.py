"""Which server a command speaks to, and what it logs in there with.

A password goes to no other server than the one that it was given for: where the address comes from
one place and a secret from another, that secret counts only if it was told for the same address.
A password is never an argument, for everybody could read it in `ps`.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from c8ybin.cli.remote.exits import NOT_ALLOWED, USAGE, Failure
from c8ybin.cli.remote.profiles import DEFAULT, Profile, profile_file, read_profiles

# The environment, by what it means; also for the man page.
VARIABLES = {
    "C8YBIN_URL": "the server: scheme and host, and a path where the API is below one",
    "C8YBIN_USER": "the user, or tenant/user",
    "C8YBIN_PASSWORD": "the user's password",
    "C8YBIN_TOKEN": "a token instead of user and password",
    "C8YBIN_PROFILE": "the profile to use",
    "C8YBIN_CACERT": "a PEM file with the authority that signed the server's certificate",
    "C8Y_HOST": "the server as go-c8y-cli has it; https:// is put before a bare host name",
    "C8Y_TENANT": "goes before the user, as tenant/user",
    "C8Y_USER": "the user there; C8Y_USERNAME is the same",
    "C8Y_PASSWORD": "the password there",
    "C8Y_TOKEN": "a token there",
    "XDG_CONFIG_HOME": "where c8ybin/profiles.toml is; ~/.config otherwise",
    "XDG_STATE_HOME": "where is remembered which event an interrupted `upload new` made; ~/.local/state otherwise",
}


@dataclass(frozen=True, slots=True)
class Place:
    """What one place tells: options, environment or a profile; each may be missing."""

    url: str | None = None
    user: str | None = None
    password: str | None = None
    token: str | None = None
    cacert: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and how to log in there; a secret may be missing still."""

    url: str
    user: str | None
    password: str | None
    token: str | None
    cacert: str | None

    @property
    def has_secret(self) -> bool:
        """Whether there is a token, or a user with a password."""
        return bool(self.token or (self.user and self.password is not None))

    def authorization(self) -> str:
        """Return the header field.

        Raises:
            Failure: Something is missing.
        """
        if self.token:
            value = f"Bearer {self.token}"
        elif self.user is None or self.password is None:
            raise Failure(
                f"There is nothing to log in to {self.url} with: run c8ybin login, "
                "or set C8YBIN_USER and C8YBIN_PASSWORD, or C8YBIN_TOKEN.",
                NOT_ALLOWED,
            )
        else:
            value = "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if not (value.isascii() and value.isprintable()):
            raise Failure("The token has characters that no token has.", NOT_ALLOWED)
        return value


def normal_url(text: str) -> str:
    """Return an address with its scheme: https where there is none, as go-c8y-cli does it.

    Raises:
        Failure: It is no address.
    """
    url = text if "://" in text else f"https://{text}"
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or parts.username is not None or parts.query or parts.fragment:
        raise Failure("The server is no address like https://events.example.com.", USAGE)
    return parts._replace(netloc=parts.netloc.lower()).geturl().rstrip("/")


def find_target(
    environment: Mapping[str, str],
    *,
    url: str | None = None,
    user: str | None = None,
    profile: str | None = None,
    cacert: str | None = None,
    otherwise: str | None = None,
) -> Target:
    """Return the server that options, environment and profiles name: the first of these that does, wins.

    Where none does it is `otherwise`.

    Raises:
        Failure: None does, or a profile cannot be had.
    """
    if user and ":" in user:
        raise Failure("--user takes no password, for everybody could read it; no name has a colon.", USAGE)
    naming, others = _places(environment, profile)
    address = url or next((place.url for place in naming if place.url), otherwise)
    if address is None:
        raise Failure(
            "No server is named: say --url, set C8YBIN_URL or C8Y_HOST, or run c8ybin login.", USAGE
        )
    address = normal_url(address)
    fitting = [place for place in (*naming, *others) if place.url is None or normal_url(place.url) == address]
    authority = cacert or next((place.cacert for place in fitting if place.cacert), None)
    for place in fitting:
        # A user that an option names may be another one than a place's secret is of.
        if place.token and user in (None, place.user):
            return Target(address, place.user, None, place.token, authority)
        if place.password and (user is None or place.user in (None, user)):
            name = user or place.user or _first_user(fitting)
            return Target(address, name, place.password, None, authority)
    return Target(address, user or _first_user(fitting), None, None, authority)


def _first_user(places: Iterable[Place]) -> str | None:
    return next((place.user for place in places if place.user), None)


def _places(environment: Mapping[str, str], profile: str | None) -> tuple[list[Place], list[Place]]:
    """Return the places that may name the server, the one that counts most first, and other ones with secrets."""
    ours, theirs = _ours(environment), _theirs(environment)
    wanted = profile or (None if ours.url else environment.get("C8YBIN_PROFILE"))
    path = profile_file(environment)
    profiles = read_profiles(path)
    if wanted is not None:
        if wanted not in profiles:
            raise Failure(f"There is no profile {wanted} in {path}; c8ybin login makes one.", USAGE)
        return [_of_profile(profiles[wanted])], [] if ours.url else [ours]
    default = [_of_profile(profiles[DEFAULT])] if DEFAULT in profiles else []
    others = [_of_profile(values) for name, values in profiles.items() if name != DEFAULT]
    return [ours, theirs, *default], others


def _of_profile(values: Profile) -> Place:
    return Place(**values)


def _ours(environment: Mapping[str, str]) -> Place:
    def of(key: str) -> str | None:
        return environment.get(f"C8YBIN_{key}") or None

    return Place(of("URL"), of("USER"), of("PASSWORD"), of("TOKEN"), of("CACERT"))


def _theirs(environment: Mapping[str, str]) -> Place:
    """Read what `c8y sessions set` of go-c8y-cli leaves in a shell; without a host it counts for nothing."""
    if not environment.get("C8Y_HOST"):
        return Place()
    user = environment.get("C8Y_USER") or environment.get("C8Y_USERNAME") or None
    tenant = environment.get("C8Y_TENANT")
    if user and tenant and "/" not in user:
        user = f"{tenant}/{user}"
    return Place(
        environment["C8Y_HOST"],
        user,
        environment.get("C8Y_PASSWORD") or None,
        environment.get("C8Y_TOKEN") or None,
    )
