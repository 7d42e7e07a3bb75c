"""Who may use Roundsman: users, their sessions, API tokens. Secrets stand here only as hashes."""

from sqlalchemy import Column, Index, Table

from roundsman.kit.schema import BigInt, Text, metadata

users = Table(
    "users",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("username", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),  # argon2id, with its parameters
    Column("role", Text, nullable=False),  # a name of roles.ROLES
    Column("created_us", BigInt, nullable=False),
    Column("modified_us", BigInt, nullable=False),
    Column("disabled_us", BigInt),  # since when this one may not log in; null: may
    Index("ix_users_username", "username", "uuid"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", Text, primary_key=True),  # sha256 of the session's id, which only the client has
    Column("uuid", Text, nullable=False, unique=True),  # by which it is ended
    Column("user_uuid", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("created_us", BigInt, nullable=False),
    Column("expires_us", BigInt, nullable=False),
    Column("last_used_us", BigInt, nullable=False),  # within a minute or so: see usage.py
    Column("address", Text, nullable=False),  # from where it was opened
    Column("agent", Text, nullable=False),  # what the program called itself then
    Index("ix_sessions_user_uuid", "user_uuid"),
    Index("ix_sessions_expires_us", "expires_us"),
    Index("ix_sessions_last_used_us", "last_used_us", "uuid"),
    Index("ix_sessions_username", "username", "last_used_us", "uuid"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),  # sha256 of the token, which is shown once
    Column("hint", Text, nullable=False),  # its first characters, to recognise it by
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("scopes", Text, nullable=False),  # e.g. "runs:read site:write"; empty: all that the role may
    Column("created_by", Text, nullable=False),  # a username
    Column("created_us", BigInt, nullable=False),
    Column("expires_us", BigInt),
    Column("last_used_us", BigInt),
    Column("revoked_us", BigInt),
    Index("ix_api_tokens_created_us", "created_us", "uuid"),
    Index("ix_api_tokens_created_by", "created_by", "created_us", "uuid"),
)

# What all processes must share: the key that signs session ids, the digest of the set-up token.
access_keys = Table(
    "access_keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("created_us", BigInt, nullable=False),
)

# Who changed what, chained by hashes: see audit.py. Nothing is ever changed or removed here.
audit_entries = Table(
    "audit_entries",
    metadata,
    Column("sequence", BigInt, primary_key=True, autoincrement=False),
    Column("time_us", BigInt, nullable=False),
    Column("who", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("noun", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", Text),  # JSON
    Column("after", Text),
    Column("previous_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("ix_audit_entries_time_us", "time_us", "sequence"),
    Index("ix_audit_entries_who", "who", "time_us", "sequence"),
    Index("ix_audit_entries_noun", "noun", "time_us", "sequence"),
    Index("ix_audit_entries_subject", "subject", "time_us", "sequence"),
)

# One row, `head` 0: the last entry's sequence and hash.
audit_heads = Table(
    "audit_heads",
    metadata,
    Column("head", BigInt, primary_key=True, autoincrement=False),
    Column("sequence", BigInt, nullable=False),
    Column("hash", Text, nullable=False),
)
