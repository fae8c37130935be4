"""The tables of a data file of coverage.py, whose schema is documented and has a version, and how arcs are kept here.

Each test runs hundreds of arcs, most of which others ran: as rows, one each, they take longer to write than many suites
to run, and a hundred times the room. So what is written here has a bit for each arc that is known, in a blob for each
context and file, as coverage.py itself keeps lines. The table `arc` of coverage.py is a view then, with the same rows;
whoever adds rows or takes some away, as coverage.py does to combine files, meets triggers that do so.
"""

SCHEMA_VERSION = 7

_ARC_TABLE = """
CREATE TABLE arc (
    file_id integer,
    context_id integer,
    fromno integer,
    tono integer,
    foreign key (file_id) references file (id),
    foreign key (context_id) references context (id),
    unique (file_id, context_id, fromno, tono)
);
"""

SCHEMA = f"""
CREATE TABLE coverage_schema (version integer);
CREATE TABLE meta (key text, value text, unique (key));
CREATE TABLE file (id integer primary key, path text, unique (path));
CREATE TABLE context (id integer primary key, context text, unique (context));
CREATE TABLE line_bits (
    file_id integer,
    context_id integer,
    numbits blob,
    foreign key (file_id) references file (id),
    foreign key (context_id) references context (id),
    unique (file_id, context_id)
);
{_ARC_TABLE}
CREATE TABLE tracer (file_id integer primary key, tracer text, foreign key (file_id) references file (id));
"""
"""That of coverage.py."""

# Which bits a byte has set, by the byte as a blob of its own.
_BITS = ", ".join(f"(x'{byte:02x}', {bit})" for byte in range(256) for bit in range(8) if byte >> bit & 1)

SCHEMA_OF_ARCS = f"""
{SCHEMA.replace(_ARC_TABLE, "")}
CREATE TABLE arc_bits (file_id integer, context_id integer, numbits blob, primary key (file_id, context_id))
    without rowid;
CREATE TABLE known_arc (file_id integer, bit integer, fromno integer, tono integer, primary key (file_id, bit))
    without rowid;
CREATE TABLE bit_of_byte (byte blob, bit integer, primary key (byte, bit)) without rowid;
INSERT INTO bit_of_byte VALUES {_BITS};
CREATE TABLE place_of_byte (place integer primary key);
CREATE TABLE added_arc (
    file_id integer, context_id integer, fromno integer, tono integer,
    primary key (file_id, context_id, fromno, tono)
) without rowid;
CREATE VIEW arc AS
    SELECT arc_bits.file_id AS file_id, arc_bits.context_id AS context_id,
        known_arc.fromno AS fromno, known_arc.tono AS tono
    FROM arc_bits CROSS JOIN place_of_byte CROSS JOIN bit_of_byte CROSS JOIN known_arc
    WHERE place_of_byte.place <= length(arc_bits.numbits)
        AND bit_of_byte.byte = substr(arc_bits.numbits, place_of_byte.place, 1)
        AND known_arc.file_id = arc_bits.file_id
        AND known_arc.bit = place_of_byte.place * 8 - 8 + bit_of_byte.bit
    UNION ALL
    SELECT file_id, context_id, fromno, tono FROM added_arc;
CREATE TRIGGER arc_insert INSTEAD OF INSERT ON arc BEGIN
    INSERT INTO added_arc SELECT new.file_id, new.context_id, new.fromno, new.tono WHERE NOT EXISTS (
        SELECT 1 FROM arc WHERE file_id = new.file_id AND context_id = new.context_id
            AND fromno = new.fromno AND tono = new.tono
    );
END;
CREATE TRIGGER arc_delete INSTEAD OF DELETE ON arc BEGIN
    INSERT OR IGNORE INTO added_arc SELECT file_id, context_id, fromno, tono FROM arc
        WHERE file_id = old.file_id AND context_id = old.context_id;
    DELETE FROM arc_bits WHERE file_id = old.file_id AND context_id = old.context_id;
    DELETE FROM added_arc WHERE file_id = old.file_id AND context_id = old.context_id
        AND fromno = old.fromno AND tono = old.tono;
END;
"""
"""The same, with arcs as bits."""

VIEWS = frozenset(
    statement.strip().removesuffix(";")
    for statement in (f"CREATE {one}" for one in SCHEMA_OF_ARCS.split("CREATE "))
    if statement.startswith(("CREATE VIEW", "CREATE TRIGGER"))
)
"""How SQLite has the view and the triggers: files with others are none of coverage.py's, nor of ours."""
