"""inspect: signatures, sources, members, frames; dis and opcode; linecache."""

import io
import sys

from fresh import fresh

INCLUDE = ["inspect", "dis", "linecache", "opcode"]
linecache = fresh("linecache")
dis = fresh("dis")
inspect = fresh("inspect")


def decorated(function):
    import functools

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


class Base:
    """Base documentation."""

    value = 1

    def method(self, a, /, b: int = 2, *args: str, c, d="x", **kwargs) -> None:
        """A method.

        More.
        """

    @classmethod
    def build(cls): ...

    @staticmethod
    def plain(x=[1]): ...

    @property
    def prop(self):
        return 1


class Derived(Base):
    def __init__(self, x):
        self.x = x

    def method(self, *args, **kwargs): ...

    async def coroutine(self):
        return 1

    def generator(self):
        yield 1


@decorated
def function(a, b=1):
    # a comment
    return lambda q: a + b


for target in (
    Base.method,
    Derived,
    Base.build,
    Base.plain,
    function,
    print,
    len,
    int,
    Derived(1).method,
    decorated,
    type,
    str.split,
    lambda x, *, y: x,
):
    try:
        print(target.__qualname__, inspect.signature(target))
    except ValueError as error:
        print(error)
signature = inspect.signature(Base.method)
bound = signature.bind(1, 2, 3, "x", c=5, e=6)
bound.apply_defaults()
print(
    bound,
    bound.args,
    bound.kwargs,
    signature.replace(return_annotation=int),
    list(signature.parameters.values())[2].kind.description,
    signature == inspect.signature(Base.method),
    hash(signature) == hash(signature),
)
for args, kwargs in (((), {}), ((1, 2, 3, 4, 5), {}), ((1,), {"c": 1, "a": 2}), ((1,), {})):
    try:
        print(signature.bind(*args, **kwargs), inspect.signature(function).bind(*args))
    except TypeError as error:
        print(error)
print(signature.bind_partial(1))
print(
    inspect.getsource(function),
    inspect.getsource(Base),
    inspect.getsourcelines(Derived.coroutine),
    inspect.getcomments(function),
    inspect.getdoc(Derived.method),
    inspect.cleandoc("  a\n    b\n"),
    inspect.getmodule(function).__name__,
    inspect.getsourcefile(Base) == __file__,
    inspect.getmodulename("/a/b.py"),
)
print(
    [name for name, _ in inspect.getmembers(Derived, inspect.isfunction)],
    [(a.name, a.kind) for a in inspect.classify_class_attrs(Derived)][-6:],
    inspect.getmro(Derived),
    inspect.getclasstree([Base, Derived]),
    inspect.getfullargspec(Base.method),
    inspect.isgeneratorfunction(Derived.generator),
    inspect.iscoroutinefunction(Derived.coroutine),
    inspect.isabstract(Base),
    inspect.ismethoddescriptor(str.split),
    inspect.isdatadescriptor(Base.prop),
    inspect.isroutine(print),
    inspect.unwrap(function).__name__,
    inspect.getattr_static(Derived(1), "x"),
    inspect.getattr_static(Derived, "nothing", None),
)
generator = Derived(1).generator()
print(
    inspect.getgeneratorstate(generator),
    next(generator),
    inspect.getgeneratorstate(generator),
    inspect.getgeneratorlocals(generator).keys(),
)
coroutine = Derived(1).coroutine()
print(inspect.getcoroutinestate(coroutine), inspect.getcoroutinelocals(coroutine).keys())
coroutine.close()
print(
    inspect.getclosurevars(function(1)),
    inspect.getcallargs(inspect.unwrap(function), 1),
    inspect.currentframe().f_lineno,
    inspect.formatannotation(int),
    inspect.getframeinfo(inspect.currentframe()).function,
    inspect.getlineno(sys._getframe()),
)
try:
    1 / 0
except ZeroDivisionError as error:
    print([frame.lineno for frame in inspect.trace()], inspect.getinnerframes(error.__traceback__)[0].code_context)
try:
    import _ctypes  # an extension module: those of pykcov must not be the only ones

    print(inspect.getsourcefile(_ctypes))
except (ImportError, TypeError):
    pass
for wrong in (1, int, "x"):
    try:
        inspect.getsource(wrong)
    except (TypeError, OSError) as error:
        print(type(error).__name__)
try:
    inspect.Signature(
        [
            inspect.Parameter("b", inspect.Parameter.KEYWORD_ONLY),
            inspect.Parameter("a", inspect.Parameter.POSITIONAL_ONLY),
        ]
    )
except ValueError as error:
    print(error)
print(
    inspect.Parameter("a", inspect.Parameter.KEYWORD_ONLY, default=1, annotation=int),
    inspect.get_annotations(Base.method),
)

out = io.StringIO()
# Only code that nobody instruments is taken apart: instrumented code looks different on purpose.
code = compile(
    "def f(a, *b):\n  for x in a:\n    try: print(x)\n    except E: return [i for i in b]\n    finally: x += 1\nasync def g():\n  async with a: await b\n",
    "<code>",
    "exec",
)
dis.dis(code, file=out)
dis.dis("x = y if z else w", file=out, depth=1)
print(
    len(out.getvalue()) > 100,
    dis.code_info(code).splitlines()[0],
    dis.stack_effect(dis.opmap["POP_TOP"]),
    list(dis.findlinestarts(code)),
    dis.findlabels(code.co_code),
    dis.Bytecode("a + b").dis() != "",
    [i.opname for i in dis.get_instructions("a.b")],
    len(dis.Bytecode(code).info()) > 10,
    dis.pretty_flags(code.co_flags),
)
dis.show_code("x", file=out)
dis.disco(code, lasti=4, file=out)
print(
    linecache.getline(__file__, 1),
    linecache.getline("/nothing", 3),
    len(linecache.getlines(__file__)) > 9,
    linecache.checkcache(),
    linecache.lazycache("x", {}),
    linecache.updatecache("nothing.py"),
)
linecache.clearcache()
