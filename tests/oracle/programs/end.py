# fmt: off
import atexit  # runs


class Finalised:  # runs
    def __del__(self):  # runs
        print(self)  # runs


held = Finalised()  # runs
in_a_cycle = Finalised()  # runs
in_a_cycle.itself = in_a_cycle  # runs


@atexit.register  # runs
def at_exit():  # runs
    print()  # runs
