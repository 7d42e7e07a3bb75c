"""Four column types and one metadata, so that SQLite and PostgreSQL hold the same bytes and sort them alike."""

from sqlalchemy import BigInteger, LargeBinary, MetaData
from sqlalchemy import Double as _Double
from sqlalchemy import Text as _Text

# PostgreSQL sorts text by the database's language unless told otherwise; SQLite sorts by code point. Pages must agree.
Text = _Text().with_variant(_Text(collation="C"), "postgresql")
BigInt = BigInteger()
Double: _Double[float] = _Double()
Blob = LargeBinary()

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
