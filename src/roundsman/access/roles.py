"""What a role may do. Each role may do all that the one before it may."""

from typing import Literal, get_args

Permission = Literal["read", "review", "operate", "administer"]
Role = Literal["viewer", "reviewer", "operator", "admin"]

PERMISSIONS: tuple[Permission, ...] = get_args(Permission)
ROLES: tuple[Role, ...] = get_args(Role)

_GRANTED: dict[Role, frozenset[Permission]] = {
    role: frozenset(PERMISSIONS[: rank + 1]) for rank, role in enumerate(ROLES)
}
_NEEDED: dict[Permission, Role] = dict(zip(PERMISSIONS, ROLES, strict=True))


def allows(role: Role, permission: Permission) -> bool:
    """Whether `role` includes `permission`."""
    return permission in _GRANTED[role]


def least_role(permission: Permission) -> Role:
    """The least role that includes `permission`, to be named in a refusal."""
    return _NEEDED[permission]


def lesser(one: Role, other: Role) -> Role:
    """The one of two roles that may do less."""
    return one if ROLES.index(one) <= ROLES.index(other) else other
