"""collections, functools, contextlib and abc where they are pure Python."""

from fresh import fresh

INCLUDE = [
    "collections",
    "functools",
    "contextlib",
    "weakref",
    "_weakrefset",
    "_py_abc",
    "types",
    "operator",
]
collections = fresh("collections")
functools, contextlib, operator = fresh("functools", "contextlib", "operator", without=["_functools", "_operator"])
weakref, types = fresh("weakref", "types")
_py_abc = fresh("_py_abc")

Point = collections.namedtuple("Point", "x y z", defaults=[0], rename=False)
p = Point(1, 2)
print(
    p,
    p._replace(x=5),
    p._asdict(),
    Point._make([1, 2, 3]),
    Point._fields,
    collections.namedtuple("R", ["class", "a", "a", "_b"], rename=True)._fields,
)
for bad in ("class", "a a", "_x", "1"):
    try:
        collections.namedtuple("Bad", bad)
    except ValueError as error:
        print(error)
c = collections.Counter("abracadabra")
c.update(a=3, z=1)
c.subtract("ab")
print(
    c.most_common(2),
    c + c,
    c - collections.Counter("a"),
    c & c,
    c | c,
    sorted(c.elements()),
    -c,
    +c,
    c["missing"],
    c.total(),
    c == c,
    c <= c,
    c.copy(),
)
chain = collections.ChainMap({"a": 1}, {"b": 2})
chain["c"] = 3
print(
    chain,
    chain["b"],
    chain.new_child({"a": 0})["a"],
    chain.parents,
    len(chain),
    "zz" in chain,
    chain.get("q", 1),
    dict(chain),
    chain.pop("c"),
    chain | {"n": 1},
)
o = collections.OrderedDict(a=1, b=2, c=3)
o.move_to_end("a")
print(o, o.popitem(last=False), list(reversed(o)), o == {"c": 3, "a": 1}, o | {"d": 4})
user = collections.UserDict(a=1)
user.update(b=2)
print(
    user,
    "a" in user,
    user.get("x"),
    len(user),
    user.copy(),
    user | {"c": 3},
    collections.UserList([3, 1, 2]) + [4],
    collections.UserString("text").upper()[1:3],
    collections.UserList("ab") * 2,
    collections.UserString("a%s") % "b",
)


@functools.lru_cache(maxsize=2)
def square(x):
    return x * x


@functools.singledispatch
def kind(value):
    return "object"


@kind.register
def _(value: int):
    return "int"


@kind.register(list)
def _(value):
    return "list"


print([square(i) for i in (1, 2, 1, 3, 1)], square.cache_info(), kind(1), kind([]), kind("x"), kind.registry.keys())


@functools.total_ordering
class Size:
    def __init__(self, size):
        self.size = size

    def __eq__(self, other):
        return self.size == other.size

    def __lt__(self, other):
        return self.size < other.size

    @functools.cached_property
    def double(self):
        return self.size * 2

    @functools.singledispatchmethod
    def show(self, value):
        return repr(value)

    show.register(int, lambda self, value: value + 1)
    partial = functools.partialmethod(show, 4)


print(
    Size(1) <= Size(2),
    Size(3) > Size(2),
    Size(3) >= Size(3),
    Size(4).double,
    Size(1).show("x"),
    Size(1).partial(),
    functools.reduce(operator.add, range(5)),
    functools.partial(max, 3)(1),
    sorted([3, 1], key=functools.cmp_to_key(lambda a, b: a - b)),
)
print(
    functools.partial(print, 1, sep="-"),
    functools.update_wrapper(lambda: 1, square).__name__,
    operator.itemgetter(1, 0)("ab"),
    operator.attrgetter("real.imag")(1),
    operator.methodcaller("split", ",")("a,b"),
    operator.indexOf([1, 2], 2),
    operator.countOf("aab", "a"),
    operator.concat([1], [2]),
    operator.length_hint([1]),
)


@contextlib.contextmanager
def managed(name):
    print("enter", name)
    try:
        yield name
    except KeyError:
        print("swallowed")
    finally:
        print("exit", name)


with managed("a") as a, contextlib.suppress(ValueError), contextlib.nullcontext(3) as three:
    raise ValueError(a, three)
with managed("b"):
    raise KeyError
with contextlib.ExitStack() as stack:
    stack.enter_context(managed("c"))
    stack.callback(print, "called back")
    stack.push(lambda *exc: True)
    raise RuntimeError
try:
    with contextlib.closing(open(__file__)), contextlib.ExitStack() as stack:
        stack.callback(lambda: 1 / 0)
        raise OSError
except ZeroDivisionError as error:
    print(type(error.__context__).__name__)


@managed("decorator")
def decorated():
    return 1


print(decorated())


class Node:
    pass


node = Node()
values = weakref.WeakValueDictionary(a=node)
keys = weakref.WeakKeyDictionary({node: 1})
finalizer = weakref.finalize(node, print, "finalized")
print(
    len(values),
    len(keys),
    list(values),
    list(keys.values()),
    finalizer.alive,
    values.get("b", 2),
    weakref.WeakSet([node]) == weakref.WeakSet([node]),
)
del node
print(len(values), len(keys), finalizer.alive)


class Base(metaclass=_py_abc.ABCMeta):
    @classmethod
    def __subclasshook__(cls, other):
        return NotImplemented


Base.register(int)
print(isinstance(1, Base), issubclass(str, Base), isinstance(1, Base), issubclass(bool, Base), isinstance(Base(), Base))
print(
    types.new_class("New", (list,), {}, lambda ns: ns.update(a=1)).a,
    types.resolve_bases((list,)),
    type(types.DynamicClassAttribute(lambda self: 1)),
    type(types.coroutine(lambda: iter(()))),
)
