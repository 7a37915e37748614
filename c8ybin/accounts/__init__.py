"""Who may do what: users, their password hashes and their roles.

One file, `accounts.json` (mode 0600), replaced whole at each change; a running server
sees a change at its next request. A verified pair of name and password is remembered
for minutes, as a keyed digest, for scrypt is slow by design.
"""

from c8ybin.accounts.accounts import ADMIN_PASSWORD_FILE, Accounts, User
from c8ybin.accounts.accounts import FILE as ACCOUNTS_FILE
from c8ybin.accounts.checks import AccountsProblem
from c8ybin.accounts.first import make_admin
from c8ybin.accounts.roles import ADMIN, EVENT_ADMIN, EVENT_READ, ROLES

__all__ = [
    "ACCOUNTS_FILE",
    "ADMIN",
    "ADMIN_PASSWORD_FILE",
    "EVENT_ADMIN",
    "EVENT_READ",
    "ROLES",
    "Accounts",
    "AccountsProblem",
    "User",
    "make_admin",
]
