"""Who may do what: users, their password hashes, tokens, roles and limits.

One file, `accounts.json` (mode 0600), replaced whole at each change; a running server
sees a change at its next request. A verified pair of name and password is remembered
for minutes, as a keyed digest, for scrypt is slow by design. Who fails often is slowed
down (backoff.py), by what all processes of a server remember together (memory.py).
"""

from c8ybin.accounts.accounts import Accounts
from c8ybin.accounts.changes import ADMIN_PASSWORD_FILE
from c8ybin.accounts.changes import FILE as ACCOUNTS_FILE
from c8ybin.accounts.checks import AccountsProblem
from c8ybin.accounts.first import make_admin
from c8ybin.accounts.memory import Memory
from c8ybin.accounts.records import Record, Token, User
from c8ybin.accounts.roles import ADMIN, EVENT_ADMIN, EVENT_READ, ROLES
from c8ybin.accounts.tokens import now_ms, without_secrets

__all__ = [
    "ACCOUNTS_FILE",
    "ADMIN",
    "ADMIN_PASSWORD_FILE",
    "EVENT_ADMIN",
    "EVENT_READ",
    "ROLES",
    "Accounts",
    "AccountsProblem",
    "Memory",
    "Record",
    "Token",
    "User",
    "make_admin",
    "now_ms",
    "without_secrets",
]
