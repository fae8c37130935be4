import dis


def f(x):
    with open(x) as file:
        return [line for line in file if line != "a"] or f(x - 1)


async def g(x):
    async for n in x:
        yield await n


def compute(x):
    return x / 0


dis.dis(f)
dis.dis(g)
print(dis.code_info(f))
print(dis.stack_effect(dis.opmap["POP_TOP"]), [i.opname for i in dis.Bytecode(lambda: 1)])
try:
    compute(1)
except ZeroDivisionError as error:
    dis.distb(error.__traceback__.tb_next)
