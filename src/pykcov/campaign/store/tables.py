"""The tables of the store, as they are after all migrations (migrations/versions).

Times are seconds since 1970, by the clock of who runs the campaign: those of workers may differ. Places are 64-bit
numbers, which databases have with a sign: signed() and unsigned() convert.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

# SQLite numbers rows by itself only if the type is INTEGER.
_Number = BigInteger().with_variant(Integer, "sqlite")

campaigns = Table(
    "campaigns",
    metadata,
    Column("id", _Number, primary_key=True),
    Column("word", String, nullable=False, unique=True),  # what its workers know it by
    Column("started", Float, nullable=False),
    Column("seen", Float, nullable=False),  # when whoever runs it was there last
    Column("ended", Float),  # none: it runs, or was killed
    Column("revision", String, nullable=False),
    Column("workers", Integer, nullable=False),
)

# Target and code: what inputs reach is known of one version.
targets = Table(
    "targets",
    metadata,
    Column("id", _Number, primary_key=True),
    Column("harness", String, nullable=False),
    Column("version", String, nullable=False),
    Column("python", String, nullable=False),
    Column("since", Float, nullable=False),
    Column("used", Float, nullable=False),  # the one that was used last is the one of now
    UniqueConstraint("harness", "version"),
)

# All places of a version, reached or not.
places = Table(
    "places",
    metadata,
    Column("target", _Number, ForeignKey("targets.id"), nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("file", String, nullable=False),
    Column("line", Integer, nullable=False),
    Column("end_line", Integer, nullable=False),
    Column("function", String, nullable=False),
    Column("seen", Integer, nullable=False),  # executions that reached it, corpora left out; 3: three or more
    PrimaryKeyConstraint("target", "place"),
)

inputs = Table(
    "inputs",
    metadata,
    Column("id", _Number, primary_key=True),
    Column("digest", String(40), nullable=False, unique=True),
    Column("size", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("since", Float, nullable=False),
)

# Inputs of a target, of any version. Rows are never taken away.
corpus = Table(
    "corpus",
    metadata,
    Column("harness", String, nullable=False),
    Column("input", _Number, ForeignKey("inputs.id"), nullable=False),
    Column("slice", _Number),  # that found it; none: it was imported
    PrimaryKeyConstraint("harness", "input"),
)

# Of each target the inputs whose reach is in the table below: they were measured.
measured = Table(
    "measured",
    metadata,
    Column("target", _Number, ForeignKey("targets.id"), nullable=False),
    Column("input", _Number, ForeignKey("inputs.id"), nullable=False),
    PrimaryKeyConstraint("target", "input"),
)

# Each place that is reached, with each range of hits, and the smallest input that does so.
reach = Table(
    "reach",
    metadata,
    Column("target", _Number, ForeignKey("targets.id"), nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("hits", Integer, nullable=False),
    Column("input", _Number, ForeignKey("inputs.id"), nullable=False),
    Column("size", Integer, nullable=False),
    Column("slice", _Number),  # that reached it first
    Column("since", Float, nullable=False),
    PrimaryKeyConstraint("target", "place", "hits"),
)

findings = Table(
    "findings",
    metadata,
    Column("id", _Number, primary_key=True),
    Column("harness", String, nullable=False),
    Column("token", String, nullable=False),
    Column("name", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("report", Text, nullable=False),
    Column("input", _Number, ForeignKey("inputs.id"), nullable=False),
    Column("minimized", _Number, ForeignKey("inputs.id")),
    Column("state", String, nullable=False),  # new, known, fixed or reopened
    Column("revision", String, nullable=False),  # in which it was found first
    Column("version", String, nullable=False),  # of the target, then
    Column("first_seen", Float, nullable=False),
    Column("last_seen", Float, nullable=False),
    Column("times", Integer, nullable=False),  # slices that found it
    UniqueConstraint("harness", "token"),
)

slices = Table(
    "slices",
    metadata,
    Column("id", _Number, primary_key=True),
    Column("word", String, nullable=False, unique=True),  # its own, so that it is not recorded twice
    Column("campaign", _Number, ForeignKey("campaigns.id"), nullable=False),
    Column("target", _Number, ForeignKey("targets.id")),  # none: it could not be loaded
    Column("harness", String, nullable=False),
    Column("worker", String, nullable=False),
    Column("ended", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("processor", Float, nullable=False),
    Column("fuzzing", Float, nullable=False),
    Column("inside", Float, nullable=False),
    Column("executions", BigInteger, nullable=False),
    Column("new_inputs", Integer, nullable=False),
    Column("new_reach", Integer, nullable=False),
    Column("new_places", Integer, nullable=False),
    Column("findings", Integer, nullable=False),
    Column("problem", Text, nullable=False),
    Index("slices_of_campaigns", "campaign", "ended"),
)


def signed(place: int) -> int:
    """Return a place as databases have it."""
    return place - (1 << 64) if place >> 63 else place


def unsigned(number: int) -> int:
    """Return a place from what databases have."""
    return number + (1 << 64) if number < 0 else number
