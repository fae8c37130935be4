import warnings

import polars as pl

frame = pl.DataFrame({"a": [1, 2, 3]})
for function in (lambda x: x + 1, lambda x: x * 2 - 3 if x else 0, lambda x: (x > 1) & (x != 7), lambda x: str(x)):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        column = frame.select(pl.col("a").map_elements(function, return_dtype=pl.Object))
    print([type(one.message).__name__ for one in caught], [str(one.message) for one in caught])
