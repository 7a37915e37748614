"""What a name and a password of an account may be."""

import unicodedata

NAME_CHARACTERS = 64
PASSWORD_CHARACTERS = 1024


class AccountsProblem(Exception):
    """What cannot be done with an account; the message is one sentence for the operator."""


def check_name(name: str) -> None:
    """Hold a name against what Basic authentication can carry (RFC 7617).

    Raises:
        AccountsProblem: It is not acceptable.
    """
    bad = any(c in ":/" or unicodedata.category(c) in ("Cc", "Cs") for c in name)
    if not 0 < len(name) <= NAME_CHARACTERS or bad or name != name.strip():
        raise AccountsProblem(
            f"A user's name has 1 to {NAME_CHARACTERS} characters, without colon, slash or control characters."
        )


def check_label(label: str) -> None:
    """Refuse what cannot stand in a list of one line each.

    Raises:
        AccountsProblem: It is too long, or not one line of text.
    """
    if len(label) > NAME_CHARACTERS or any(unicodedata.category(c) in ("Cc", "Cs") for c in label):
        raise AccountsProblem(f"A token's name is one line of at most {NAME_CHARACTERS} characters.")


def check_password(password: str) -> None:
    """Refuse what is no password.

    Raises:
        AccountsProblem: It is empty, too long, or not one line of text.
    """
    bad = any(unicodedata.category(c) in ("Cc", "Cs") for c in password)
    if not 0 < len(password) <= PASSWORD_CHARACTERS or bad:
        raise AccountsProblem(f"A password is one line of 1 to {PASSWORD_CHARACTERS} characters.")
