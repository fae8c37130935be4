# fmt: off
import io  # runs


def use_global():  # runs
    global counter
    counter = 1  # runs
    if 0:  # runs
        print()
    else:
        pass  # runs


use_global()  # runs
values = [  # runs
    1,  # runs
    abs(  # runs
        -2  # runs
    ),
    3,  # runs
]
if (values  # runs
    and not values  # runs
):
    print()
for value in ():  # runs
    print()
else:
    value = 1  # runs
while value:  # runs
    value = 0  # runs
    continue  # runs
try:  # runs
    1 / 0  # runs
    print()
except OSError:  # runs
    print()
except (  # runs
    ZeroDivisionError  # runs
):
    pass  # runs
finally:
    value = 2  # runs
with (io.StringIO() as first,  # runs
    io.StringIO() as second,  # runs
):
    pass  # runs
match value:  # runs
    case 1:  # runs
        print()
    case 2 | 3 if value:  # runs
        pass  # runs
    case _:
        print()
doubled = [  # runs
    2 * value  # runs
    for value in range(3)  # runs
    if value > 1  # runs
]
