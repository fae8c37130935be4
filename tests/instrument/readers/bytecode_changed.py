import types

from bytecode import Bytecode, ConcreteBytecode, ControlFlowGraph


def f(x):
    total = 0
    for n in range(x):
        try:
            total += 10 if n % 2 else 100 // (n - 2)
        except ZeroDivisionError:
            total += 5
    return total + 1000


changed = Bytecode.from_code(f.__code__)
for instruction in changed:
    if getattr(instruction, "name", "") in ("LOAD_CONST", "LOAD_SMALL_INT") and instruction.arg == 1000:
        instruction.name = "LOAD_CONST"
        instruction.arg = 2000
print(f(5), types.FunctionType(changed.to_code(), {})(5))
print([getattr(one, "name", "") for one in ConcreteBytecode.from_code(f.__code__)])
print(len(ControlFlowGraph.from_bytecode(Bytecode.from_code(f.__code__))))
f.__code__ = changed.to_code()
print(f(5))
