"""Exports: one row for each, also while it waits or is made."""

from sqlalchemy import Column, Index, Table

from roundsman.kit.schema import BigInt, Double, Text, metadata

exports = Table(
    "exports",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("selection", Text, nullable=False),  # JSON of types.Selection
    Column("state", Text, nullable=False),  # one of types.STATES
    Column("created_us", BigInt, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("started_us", BigInt),
    Column("ended_us", BigInt),
    Column("expires_us", BigInt),  # null until it has ended
    Column("beat_us", BigInt, nullable=False),  # when whoever makes it last said so; 0: nobody yet
    Column("attempts", BigInt, nullable=False),
    Column("row_count", BigInt, nullable=False),
    Column("progress", Double, nullable=False),  # 0 to 1
    Column("size_bytes", BigInt),
    Column("blob_sha256", Text),  # in the exports' own store
    Column("error", Text),
)
Index("ix_exports_state", exports.c.state, exports.c.created_us)
Index("ix_exports_created_us", exports.c.created_us, exports.c.uuid)
Index("ix_exports_expires_us", exports.c.expires_us)
Index("ix_exports_blob_sha256", exports.c.blob_sha256)
