"""Site walks, elements and docks as documents; maps and recorded walks as blobs."""

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table

from roundsman.kit.schema import BigInt, Text, metadata

site_resources = Table(
    "site_resources",
    metadata,
    Column("uuid", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # "site_walk", "site_element" or "site_dock"
    Column("name", Text, nullable=False),
    Column("created_us", BigInt, nullable=False),
    Column("modified_us", BigInt, nullable=False),
    Column("document", Text, nullable=False),  # as v0 shows it, with members that only its writer knows
    Index("ix_site_resources_kind", "kind", "created_us", "uuid"),
)

site_maps = Table(
    "site_maps",
    metadata,
    Column("uuid", Text, primary_key=True),  # of its graph's content: a map that comes twice is one
    Column("name", Text, nullable=False),
    Column("created_us", BigInt, nullable=False),
    Column("modified_us", BigInt, nullable=False),
)

# The graph and the snapshots, each a blob as it came.
site_map_files = Table(
    "site_map_files",
    metadata,
    Column("map_uuid", Text, nullable=False),
    Column("path", Text, nullable=False),  # in the folder of a walk: graph, waypoint_snapshots/<id>, …
    Column("blob_sha256", Text, nullable=False),
    Column("size_bytes", BigInt, nullable=False),
    Column("crc32", BigInt, nullable=False),
    PrimaryKeyConstraint("map_uuid", "path"),
)

# What a walk was imported from, so that it goes out as it came.
site_walk_originals = Table(
    "site_walk_originals",
    metadata,
    Column("walk_uuid", Text, primary_key=True),
    Column("map_uuid", Text),  # null: it came without a map
    Column("file_name", Text, nullable=False),  # in the folder missions/
    Column("blob_sha256", Text, nullable=False),
    Column("size_bytes", BigInt, nullable=False),
    Column("crc32", BigInt, nullable=False),
)
