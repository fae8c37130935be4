from typeguard import TypeCheckError, typechecked


@typechecked
def double(x: int) -> int:
    y: str = "a" * x if x else 3
    return 2 * len(y)


print(double(3))
for argument in ("x", 0):
    try:
        double(argument)
    except TypeCheckError as error:
        print(error)
