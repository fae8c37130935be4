"""What an example of Hypothesis compared, out of the buffer of a device: many records, most of them equal."""

def records(words: memoryview, most: int, closed: set[int], /) -> dict[bytes, None]:
    """Return the first `most` records in a buffer of TRACE_CMP as they are, each once, but those of `closed` pcs.

    None behind a damaged one. ValueError if there is no word in the buffer.
    Equal bytes are equal comparisons, which need to be decoded only once (pykcov.traces.records.comparison_of).
    """
