import io

import pysnooper

seen = io.StringIO()


@pysnooper.snoop(seen, normalize=True, color=False)
def f(x):
    total = 0
    for n in range(x):
        total += n if n != 1 else 5
    return total


print(f(3), seen.getvalue())
