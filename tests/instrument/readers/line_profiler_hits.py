from line_profiler import LineProfiler


def f(x):
    total = 0
    for n in range(x):
        if n != 1:
            total += n
    return total


profiler = LineProfiler()
print(profiler(f)(3))
print([[line[:2] for line in lines] for lines in profiler.get_stats().timings.values()])
