import pickle

import cloudpickle


def outer(factor):
    def inner(x, *, y=2):
        total = 0
        for n in range(x):
            if n % 2:
                total += factor * y
        return total, [n for n in range(x)]

    return inner


class Local:
    def method(self):
        return super().__repr__()[:10]


again = pickle.loads(cloudpickle.dumps(outer(3)))
print(again(5), again(5, y=1), cloudpickle.loads(cloudpickle.dumps(lambda: (yield 1)))().__next__())
print(cloudpickle.loads(cloudpickle.dumps(Local))().method())
