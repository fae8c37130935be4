"""fractions, statistics, numbers, random, colorsys, heapq and bisect without accelerators."""

from fresh import fresh

INCLUDE = ["fractions", "statistics", "numbers", "random", "heapq", "bisect", "colorsys", "graphlib"]
numbers = fresh("numbers")
fractions = fresh("fractions")
heapq, bisect = fresh("heapq", "bisect", without=["_heapq", "_bisect"])
random = fresh("random")
statistics = fresh("statistics")
colorsys, graphlib = fresh("colorsys", "graphlib")
from decimal import Decimal

F = fractions.Fraction
a, b = F(3, 4), F("-2/6")
print(
    a + b,
    a - b,
    a * b,
    a / b,
    a // b,
    a % b,
    divmod(a, b),
    a**2,
    a ** F(1, 2),
    -a,
    +a,
    abs(b),
    a < b,
    a >= 0.5,
    a == 0.75,
    hash(a),
    bool(b),
)
print(
    F(1.5),
    F(Decimal("2.25")),
    F("1.5e3"),
    F(10),
    F("7"),
    F(2, -4),
    F.from_float(0.125),
    F.from_decimal(Decimal(3)),
    F(355, 113).limit_denominator(10),
    round(a),
    round(F(22, 7), 2),
)
print(
    a.__floor__(),
    a.__ceil__(),
    a.__trunc__(),
    float(a),
    complex(a),
    2 + a,
    2.0 * a,
    1j + a,
    2**a,
    3 // a,
    divmod(5, a),
    str(F(4)),
    repr(a),
    a.as_integer_ratio(),
    F(-2) ** -3,
    a.__reduce__(),
    F(1, 2) ** -2,
)
for call in (
    lambda: F(1, 0),
    lambda: F("x"),
    lambda: F(1.5, 2),
    lambda: F(None),
    lambda: a / 0,
    lambda: F(0) ** -1,
    lambda: a < "x",
):
    try:
        call()
    except (ZeroDivisionError, ValueError, TypeError) as error:
        print(type(error).__name__)

DATA = [1, 2.5, F(1, 3), 4, 4, 9]
print(
    statistics.mean([1, F(1, 2), 3]),
    statistics.fmean([1, 2, 3.5]),
    statistics.geometric_mean([1, 2, 4]),
    statistics.harmonic_mean([40, 60]),
    statistics.median([1, 3, 2]),
    statistics.median_low([1, 2, 3, 4]),
    statistics.median_high([1, 2]),
    statistics.median_grouped([1, 2, 2, 3, 4]),
    statistics.mode("aab"),
    statistics.multimode("aabb"),
    statistics.quantiles(range(20), n=5),
    statistics.quantiles(range(9), method="inclusive"),
)
print(
    statistics.pvariance([1, 2, 3]),
    statistics.variance([Decimal(1), Decimal(3)]),
    statistics.stdev([1, 2, 4]),
    statistics.pstdev([F(1, 2), F(3, 2)]),
    statistics.covariance([1, 2, 3], [2, 4, 5]),
    statistics.correlation([1, 2, 3], [2, 4, 5]),
    statistics.linear_regression([1, 2, 3], [2, 4, 5]),
)
normal = statistics.NormalDist.from_samples([1, 2, 3, 4, 5.5])
print(
    normal,
    normal.pdf(3),
    normal.cdf(2),
    normal.inv_cdf(0.9),
    normal + 2,
    normal * 3,
    normal.overlap(statistics.NormalDist(2, 1)),
    normal.quantiles(3),
    normal.zscore(4),
    -normal,
    normal == normal,
    normal.samples(2, seed=1),
)
for call in (
    lambda: statistics.mean([]),
    lambda: statistics.variance([1]),
    lambda: statistics.quantiles([1], n=0),
    lambda: statistics.NormalDist(0, -1),
    lambda: statistics.geometric_mean([-1]),
    lambda: statistics.harmonic_mean([-1]),
):
    try:
        print(call())
    except statistics.StatisticsError as error:
        print(error)

generator = random.Random(7)
print(
    generator.randrange(1, 100, 3),
    generator.randint(1, 6),
    generator.choice("abc"),
    generator.choices("abc", [1, 2, 3], k=4),
    generator.sample(range(1000), 5),
    generator.sample("abcdef", 3, counts=[1] * 6),
    generator.uniform(1, 2),
    generator.triangular(0, 1, 0.3),
)
items = list(range(20))
generator.shuffle(items)
print(
    items,
    generator.normalvariate(0, 1),
    generator.lognormvariate(0, 1),
    generator.expovariate(2),
    generator.vonmisesvariate(0, 4),
    generator.gammavariate(2, 3),
    generator.gammavariate(0.5, 1),
    generator.gammavariate(1, 1),
    generator.gauss(0, 1),
    generator.gauss(0, 1),
    generator.betavariate(1, 2),
    generator.paretovariate(3),
    generator.weibullvariate(1, 2),
    generator.randbytes(3),
)
generator.setstate(random.Random("text").getstate())
print(generator.random())

heap = [5, 3, 8, 1, 9, 2]
heapq.heapify(heap)
heapq.heappush(heap, 0)
print(
    heapq.heappop(heap),
    heapq.heappushpop(heap, 4),
    heapq.heapreplace(heap, 7),
    heapq.nlargest(3, heap),
    heapq.nsmallest(2, heap, key=lambda x: -x),
    list(heapq.merge([1, 4], [2, 3], [])),
    list(heapq.merge([4, 1], [3, 2], reverse=True, key=int)),
    heapq.nsmallest(1, heap),
    heapq.nlargest(50, heap),
)
print(
    bisect.bisect_left([1, 2, 2, 3], 2),
    bisect.bisect_right([1, 2, 2, 3], 2, key=lambda x: x),
    bisect.bisect([1], 0, 0, 1),
)
bisect.insort(heap, 3)
bisect.insort_left(heap, 3, key=lambda x: x)
print(
    colorsys.rgb_to_hls(0.2, 0.4, 0.4),
    colorsys.hls_to_rgb(0.5, 0.3, 0.3),
    colorsys.rgb_to_hsv(0.1, 0.9, 0.3),
    colorsys.hsv_to_rgb(0.4, 0.5, 0.6),
    colorsys.rgb_to_yiq(1, 0, 0),
    colorsys.yiq_to_rgb(0.5, 0.9, 0.1),
    colorsys.hsv_to_rgb(0.9, 0.5, 0.6),
)
print(list(graphlib.TopologicalSorter({"d": {"b", "c"}, "b": {"a"}, "c": {"a"}}).static_order())[-1])
try:
    graphlib.TopologicalSorter({1: [2], 2: [1]}).prepare()
except graphlib.CycleError as error:
    print(error)
