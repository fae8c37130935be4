from beartype import beartype
from beartype.roar import BeartypeCallHintViolation


@beartype
def double(x: int, *, y: list[str] = ()) -> int | None:
    return 2 * x if x else "none"


class Plain:
    @beartype
    def method(self, n: int) -> "Plain":
        return self


print(double(3), type(Plain().method(1)).__name__)
for argument in ("x", 0):
    try:
        double(argument)
    except BeartypeCallHintViolation as error:
        print(str(error).partition("\n")[0])
