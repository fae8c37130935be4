"""_pydecimal: arithmetic, contexts, signals, formatting."""

from fresh import fresh

INCLUDE = ["_pydecimal"]
decimal = fresh("_pydecimal")
D = decimal.Decimal
with decimal.localcontext() as context:
    context.prec = 40
    print(
        D(2).sqrt(), D(2).ln(), D("0.5").exp(), D(1000).log10(), D(1) / 3, D("1.1") ** D("2.5"), D(7) ** -2, D(3) ** 50
    )
VALUES = [
    D("0"),
    D("-0"),
    D("1"),
    D("-1.50"),
    D("1E+5"),
    D("123.456"),
    D("Infinity"),
    D("-Infinity"),
    D("NaN"),
    D("1e-7"),
    D("99999999999999999999999999999"),
]
context = decimal.Context(prec=9, traps=[])
for x in VALUES:
    print(
        x,
        repr(x),
        x.to_eng_string(),
        x.is_zero(),
        x.is_signed(),
        x.adjusted(),
        x.number_class(context),
        x.normalize(context),
        x.as_tuple(),
        x.logb(context),
        x.next_plus(context),
        x.next_minus(context),
        f"{x:,.2f} {x:e} {x:>12g} {x:%} {x:+.1f}",
    )
    for y in VALUES:
        print(
            context.add(x, y),
            context.subtract(x, y),
            context.multiply(x, y),
            context.divide(x, y),
            context.divide_int(x, y),
            context.remainder(x, y),
            context.remainder_near(x, y),
            context.compare(x, y),
            context.compare_total(x, y),
            context.max(x, y),
            context.min_mag(x, y),
            context.quantize(x, y),
            context.power(x, y),
            context.fma(x, y, x),
            context.next_toward(x, y),
            context.same_quantum(x, y),
            x == y,
        )
    print(
        context.sqrt(x),
        context.ln(x),
        context.log10(x),
        context.exp(x),
        context.to_integral_exact(x),
        context.abs(x),
        context.plus(x),
        context.minus(x),
        context.copy_sign(x, D(-1)),
        context.scaleb(x, D(2)),
    )
print(context)
for rounding in (
    decimal.ROUND_UP,
    decimal.ROUND_DOWN,
    decimal.ROUND_CEILING,
    decimal.ROUND_FLOOR,
    decimal.ROUND_HALF_UP,
    decimal.ROUND_HALF_DOWN,
    decimal.ROUND_HALF_EVEN,
    decimal.ROUND_05UP,
):
    print([D(text).quantize(D("0.1"), rounding=rounding) for text in ("1.25", "-1.25", "1.35", "2.01", "0.05")])
a, b = D("1101"), D("1010")
print(
    a.logical_and(b),
    a.logical_or(b),
    a.logical_xor(b),
    a.logical_invert(context),
    a.rotate(2, context),
    a.shift(-1, context),
    D(5) // 2,
    D(-5) % 3,
    divmod(D(7), 2),
    int(D("3.9")),
    float(D("2.5")),
    round(D("2.675"), 2),
    round(D("2.5")),
    hash(D("1.5")),
    D(1.25),
    D((1, (1, 2, 3), -2)),
    D.from_float(0.1),
    D("1") < 2,
    D(3).as_integer_ratio(),
    complex(D(1)),
    -a,
    +a,
    abs(-a),
    2 - a,
    2 * a,
    1 / a,
    2 ** D(3),
    D(" 1_000 "),
)
for call in (
    lambda: D("x"),
    lambda: D(1) / 0,
    lambda: D(0) / 0,
    lambda: D(-1).sqrt(),
    lambda: D("sNaN") + 1,
    lambda: D("1E+999999") * 10**9,
    lambda: D("inf") - D("inf"),
    lambda: int(D("nan")),
    lambda: D(1) + 1.5,
    lambda: pow(D(2), 3, 0),
    lambda: D((0, (1, "x"), 0)),
    lambda: decimal.Context(prec=0),
    lambda: hash(D("sNaN")),
):
    try:
        print(call())
    except (ArithmeticError, ValueError, TypeError) as error:
        print(type(error).__name__)
print(
    pow(D(3), 7, 5),
    decimal.getcontext().copy().clear_flags(),
    decimal.BasicContext.prec,
    D(10).compare_signal(D(3)),
    D("0.00001").to_integral_value(),
    D(8).radix(),
    D(3).canonical().conjugate().real.imag,
)
