"""Native code in the trace: building it, finding what its pcs stand for.

The core records the events of C, C++, Cython and Rust code that was built with the flags of `build`. Their pcs are
addresses; `images` makes them (build-id, offset), `symbols` says which function and line that is, `calls` and `lines`
which lines a pc implies and which there could have been; `locations` puts it together. `symbols`, `calls` and `lines`
need the packages of the extra `native`, nothing else does.
"""
