"""Whether as much ran as is required."""


def fails_under(total: float, bound: float, precision: int = 0) -> bool:
    """Return whether a total is below a bound as coverage.py sees it.

    It is rounded as the bound is, or to `precision` digits if those are more; 100 is only reached by 100.
    """
    digits = max(len(f"{bound:g}".partition(".")[2]), precision)
    return total < 100 if bound == 100 else round(total, digits) < bound
