"""ast: unparse, visitors, literal_eval, dump."""

from fresh import fresh

INCLUDE = ["ast"]
ast = fresh("ast")

SOURCE = '''
"""Module."""
import a.b as c, d
from . import e
from ..f import g as h, i
x: int = 1
y = z = -1 + 2 * (3 - 4) ** -5 // 6 % ~7 @ 8 | 9 & 1 ^ 2 << 3 >> 4
a, *b = (1, [2, 3], {4, 5}, {6: 7, **d}, (), set())
x += 1; del x, y[0], z.a; assert a, "message"; assert b
@decorator(1)
class A(B, metaclass=C, *d, **e):
    """Doc "quoted" \\\\ text."""
    def f(self, a, /, b: int = 1, *c, d=2, **e) -> "R":
        """Doc."""
        global g; nonlocal_ = 1
        return lambda x, *y, z=1, **w: (yield)
    async def g(self):
        async with a as b, c: await d
        async for i in x: pass
        else: raise E from f
        return [i async for i in y if i if not j]
def gen():
    def inner():
        nonlocal v
    v = yield from x
    while not a and b or c in d is not e:
        if (n := 10) > 5 >= 3 != 2: break
        elif x: continue
        else: pass
    else: raise
    for (i, j) in z: ...
    try: f(*a, k=1, **b)
    except (A, B) as e: pass
    except: pass
    else: 1
    finally: 2
    try: pass
    except* E as g: pass
    with (a as b, c as d): x[1:2, ::3, ...]
    print(f"a{b!r:>{w}}{{}} {c=} {'x'}" "d", b"by\\x00", 'q"\\'', 1e309, 1j, None, True, """multi
line""")
    {k: v for k, v in x if k}; {i for i in y}; (i for i in z); a if b else c; -(-1); not (not x); (a, b)[0]; (1).real; "x" % y; (yield)
    match command.split():
        case [x, *rest] | (1 | -2.5 | "s") as y if cond: pass
        case {"k": v, **others}: pass
        case Point(x=0, y=None) | Q(1, z=_): pass
        case a.b | [] | {}: pass
        case _: pass
'''
tree = ast.parse(SOURCE, type_comments=False)
text = ast.unparse(tree)
print(text)
print(
    ast.dump(ast.parse(text)) == ast.dump(tree),
    len(ast.dump(tree, indent=2, include_attributes=True)),
    ast.dump(ast.parse("x", mode="eval"), annotate_fields=False),
)
with open(ast.__file__) as file:
    own = file.read()
print(len(ast.unparse(ast.parse(own))), sum(1 for node in ast.walk(tree)))


class Rename(ast.NodeTransformer):
    def visit_Name(self, node):
        return ast.copy_location(ast.Name(node.id.upper(), node.ctx), node)

    def visit_Pass(self, node):
        return None

    def visit_Assert(self, node):
        return [ast.Expr(node.test), ast.Expr(node.test)]


class Names(ast.NodeVisitor):
    def __init__(self):
        self.names = []

    def visit_Name(self, node):
        self.names.append(node.id)
        self.generic_visit(node)


names = Names()
names.visit(tree)
print(
    names.names[:9],
    ast.get_docstring(tree),
    ast.get_docstring(next(node for node in tree.body if isinstance(node, ast.ClassDef))),
)
print(ast.unparse(ast.fix_missing_locations(Rename().visit(ast.parse("x = y\nassert z\nf(a)[b]")))))
print(
    ast.get_source_segment("a = (1 +\n 2)\nb", ast.parse("a = (1 +\n 2)\nb").body[0].value),
    ast.get_source_segment("x = 1", ast.parse("x = 1").body[0], padded=True),
    ast.increment_lineno(ast.parse("x"), 3).body[0].lineno,
)
for literal in (
    "{'a': [1, -2.5, (3j+1), b'x', None], 'b': {1, 2}, 'c': set()}",
    " 1",
    "f()",
    "1+1",
    "x",
    "{**{}}",
    "[" * 3,
    "1 - 2j",
):
    try:
        print(ast.literal_eval(literal))
    except (ValueError, SyntaxError) as error:
        print(type(error).__name__)
print(
    isinstance(ast.Constant(1), ast.Constant), ast.Constant("s").value, list(ast.iter_child_nodes(tree.body[1]))[0].name
)
for broken in (
    ast.Module(
        [ast.Expr(ast.JoinedStr([ast.Constant("a'\"\\n"), ast.FormattedValue(ast.Constant("x"), 114, None)]))], []
    ),
    ast.Expr(ast.Constant(("a", 1, frozenset()))),
    ast.Module([ast.Assign([ast.Name("x")], ast.Constant(1), "int")], [ast.TypeIgnore(1, "")]),
):
    try:
        print(ast.unparse(ast.fix_missing_locations(broken)))
    except (ValueError, AttributeError) as error:
        print(type(error).__name__)
