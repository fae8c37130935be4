import dill


def outer(factor):
    def inner(x):
        try:
            return [factor / n for n in range(x)]
        except ZeroDivisionError:
            return factor

    return inner


print(dill.loads(dill.dumps(outer(3)))(5), dill.loads(dill.dumps(lambda x: x + 1, recurse=True))(1))
print(dill.loads(dill.dumps(outer(4).__code__)).co_name, dill.source.getsource(outer).splitlines()[0])
