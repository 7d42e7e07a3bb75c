"""The nouns of access as the rest of Roundsman sees them: no secret is ever in one of these."""

from typing import Literal

import msgspec

from roundsman.access.roles import Permission, Role, allows


class User(msgspec.Struct, frozen=True):
    """A person who may log in."""

    uuid: str
    username: str
    role: Role
    created_us: int
    disabled_us: int | None = None

    @property
    def is_admin(self) -> bool:
        """Whether this one can administer now."""
        return self.role == "admin" and self.disabled_us is None


class Session(msgspec.Struct, frozen=True):
    """A login: from where and by which program it was opened, and when it was last used."""

    uuid: str
    digest: str
    username: str
    created_us: int
    expires_us: int
    last_used_us: int
    address: str
    agent: str


class Token(msgspec.Struct, frozen=True):
    """An API token as it is listed: the token itself is shown once, when it is made."""

    uuid: str
    name: str
    role: Role
    hint: str
    created_by: str
    created_us: int
    expires_us: int | None
    last_used_us: int | None
    revoked_us: int | None
    scopes: str = ""  # e.g. "runs:read site:write"; empty: all that the role may


class Identity(msgspec.Struct, frozen=True):
    """Who makes a request: a person by a session, or a program by a token."""

    name: str  # the username, or the token's name
    role: Role
    kind: Literal["session", "token"]
    key: str  # the session's digest, or the token's uuid
    expires_us: int | None
    owner: str  # the username, or the user who made the token; empty for a token of the command line
    scopes: str = ""  # a token's; empty: all that the role may

    def may(self, permission: Permission) -> bool:
        """Whether this one may do what needs `permission`."""
        return allows(self.role, permission)
