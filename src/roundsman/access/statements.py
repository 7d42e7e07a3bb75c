"""Every statement of access, each compiled once per database."""

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from roundsman.access.tables import access_keys, api_tokens, sessions, users
from roundsman.access.types import Session, Token, User
from roundsman.kit.database import Statement

USER_COLUMNS = tuple(users.c[name] for name in User.__struct_fields__)
TOKEN_COLUMNS = tuple(api_tokens.c[name] for name in Token.__struct_fields__)

count_users = Statement(select(func.count()).select_from(users))
list_users = Statement(select(*USER_COLUMNS).order_by(users.c.username))
find_user = Statement(select(*USER_COLUMNS, users.c.password_hash).where(users.c.username == bindparam("username")))
lock_admins = Statement(update(users).where(users.c.role == "admin").values(role="admin"))
count_admins = Statement(
    select(func.count()).select_from(users).where(users.c.role == "admin", users.c.disabled_us.is_(None))
)
change_user = Statement(
    update(users)
    .where(users.c.uuid == bindparam("user_uuid"))
    .values(
        role=bindparam("new_role"),
        password_hash=bindparam("new_hash"),
        disabled_us=bindparam("new_disabled_us"),
        modified_us=bindparam("now_us"),
    )
)
add_user = Statement(insert(users))
remove_user = Statement(delete(users).where(users.c.uuid == bindparam("user_uuid")))

find_session = Statement(
    select(users.c.username, users.c.role, sessions.c.expires_us, sessions.c.last_used_us)
    .join_from(sessions, users, users.c.uuid == sessions.c.user_uuid)
    .where(sessions.c.digest == bindparam("digest"), users.c.disabled_us.is_(None))
)
one_session = Statement(
    select(*(sessions.c[name] for name in Session.__struct_fields__)).where(
        sessions.c.uuid == bindparam("session_uuid")
    )
)
add_session = Statement(insert(sessions))
end_session = Statement(delete(sessions).where(sessions.c.digest == bindparam("session_digest")))
end_sessions_of = Statement(
    delete(sessions).where(
        sessions.c.user_uuid == bindparam("owner_uuid"), sessions.c.digest != bindparam("kept_digest")
    )
)
purge_sessions = Statement(
    delete(sessions).where(
        or_(sessions.c.expires_us <= bindparam("now_us"), sessions.c.last_used_us <= bindparam("unused_us"))
    )
)
touch_session = Statement(
    update(sessions).where(sessions.c.digest == bindparam("key")).values(last_used_us=bindparam("used_us"))
)

list_tokens = Statement(select(*TOKEN_COLUMNS).order_by(api_tokens.c.created_us, api_tokens.c.uuid))
one_token = Statement(select(*TOKEN_COLUMNS).where(api_tokens.c.uuid == bindparam("token_uuid")))
# With the role of who made it; the command line is no user, and its tokens stand for themselves.
find_token = Statement(
    select(
        api_tokens.c.uuid,
        api_tokens.c.name,
        api_tokens.c.role,
        api_tokens.c.expires_us,
        api_tokens.c.scopes,
        api_tokens.c.created_by,
        users.c.role,
    )
    .join_from(api_tokens, users, users.c.username == api_tokens.c.created_by, isouter=True)
    .where(api_tokens.c.digest == bindparam("digest"), api_tokens.c.revoked_us.is_(None), users.c.disabled_us.is_(None))
)
add_token = Statement(insert(api_tokens))
revoke_token = Statement(
    update(api_tokens)
    .where(api_tokens.c.uuid == bindparam("token_uuid"), api_tokens.c.revoked_us.is_(None))
    .values(revoked_us=bindparam("now_us"))
)
revoke_tokens_of = Statement(
    update(api_tokens)
    .where(api_tokens.c.created_by == bindparam("username"), api_tokens.c.revoked_us.is_(None))
    .values(revoked_us=bindparam("now_us"))
)
touch_token = Statement(
    update(api_tokens).where(api_tokens.c.uuid == bindparam("key")).values(last_used_us=bindparam("used_us"))
)

find_key = Statement(select(access_keys.c.value).where(access_keys.c.name == bindparam("key_name")))
add_key = Statement(insert(access_keys))
remove_key = Statement(delete(access_keys).where(access_keys.c.name == bindparam("key_name")))
