"""The roles that are known, named as Cumulocity names them."""

EVENT_READ = "ROLE_EVENT_READ"
EVENT_ADMIN = "ROLE_EVENT_ADMIN"
ADMIN = "ROLE_ADMIN"

ROLES = {
    EVENT_READ: "read events and their attachments",
    EVENT_ADMIN: "create, change and delete events and their attachments",
    ADMIN: "see and change the server itself",
}
