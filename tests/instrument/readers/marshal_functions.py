import hashlib
import marshal
import types


def f(x):
    def inner(y):
        return y + 1 if y else -1

    return [inner(n) for n in range(x)]


data = marshal.dumps(f.__code__)
print(types.FunctionType(marshal.loads(data), globals())(3))
print(hashlib.sha256(f.__code__.co_code).hexdigest(), f.__code__.co_consts[0], f.__code__.co_stacksize)
