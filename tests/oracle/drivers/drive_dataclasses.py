"""dataclasses, enum, copy, copyreg, typing."""

from fresh import fresh

INCLUDE = ["dataclasses", "enum", "copy", "copyreg", "typing", "keyword"]
enum = fresh("enum")
dataclasses, copy, typing, keyword = fresh("dataclasses", "copy", "typing", "keyword")


@dataclasses.dataclass(order=True, frozen=True)
class Version:
    major: int
    minor: int = 0
    tags: tuple = dataclasses.field(default=(), compare=False, repr=False)


@dataclasses.dataclass(slots=True, kw_only=True)
class Item:
    name: str
    children: list = dataclasses.field(default_factory=list, metadata={"a": 1})
    secret: dataclasses.InitVar[int] = 3
    count: typing.ClassVar[int] = 0

    def __post_init__(self, secret):
        self.children.append(secret)


@dataclasses.dataclass
class Special:
    a: "typing.ClassVar[int]" = 1
    b: int = 2
    _: dataclasses.KW_ONLY
    c: int = 3


print(
    Version(1, 2) < Version(1, 3),
    Version(1),
    hash(Version(2)),
    dataclasses.astuple(Version(1, 2, ("x",))),
    Item(name="n"),
    dataclasses.asdict(Item(name="x", children=[Item(name="y")])),
    dataclasses.replace(Version(1), minor=9),
    [f.name for f in dataclasses.fields(Special)],
    Special(c=4),
    dataclasses.is_dataclass(Item),
    dataclasses.make_dataclass("Made", ["x", ("y", int, 5)])(1),
)
for call in (
    lambda: setattr(Version(1), "major", 2),
    lambda: dataclasses.dataclass(type("M", (), {"__annotations__": {"x": list}, "x": []})),
    lambda: dataclasses.field(default=1, default_factory=int),
    lambda: dataclasses.fields(3),
    lambda: dataclasses.make_dataclass("Bad", ["class"]),
    lambda: dataclasses.dataclass(frozen=False)(type("S", (Version,), {})),
    lambda: dataclasses.replace(Item(name="x"), count=1),
):
    try:
        print(call())
    except (AttributeError, TypeError, ValueError) as error:
        print(type(error).__name__, error)


class Color(enum.Enum):
    RED = 1
    GREEN = enum.auto()
    ALIAS = 1

    @classmethod
    def _missing_(cls, value):
        return cls.GREEN if value == "g" else None

    @property
    def pretty(self):
        return self.name.title()


class Bits(enum.Flag, boundary=enum.KEEP):
    A = enum.auto()
    B = enum.auto()
    C = enum.auto()
    AB = A | B


@enum.unique
class Number(enum.IntEnum):
    ONE = 1
    TWO = 2


class Text(enum.StrEnum):
    LOWER = enum.auto()


print(
    list(Color),
    Color(1),
    Color["GREEN"],
    Color("g"),
    Color.ALIAS is Color.RED,
    Color.RED.pretty,
    Color.RED in Color,
    len(Color),
    Bits.A | Bits.C,
    Bits.AB & ~Bits.A,
    Bits(8),
    list(Bits.AB),
    Bits.A in Bits.AB,
    bool(Bits(0)),
    Bits.A ^ Bits.B,
    Number.ONE + Number.TWO,
    Number(2),
    Text.LOWER,
    f"{Text.LOWER}",
    repr(Bits(3)),
    Color.__members__.keys(),
    enum.Enum("Api", "X Y")["X"],
    enum.IntFlag("I", {"P": 1, "Q": 2}).P | 4,
)
for call in (
    lambda: Color(7),
    lambda: Color["NO"],
    lambda: setattr(Color, "RED", 2),
    lambda: enum.unique(Color),
    lambda: type("Sub", (Color,), {}),
    lambda: delattr(Color, "RED"),
    lambda: enum.Flag("Strict", "A B", boundary=enum.STRICT)(9),
    lambda: enum.verify(enum.CONTINUOUS)(enum.IntEnum("Gap", {"A": 1, "B": 5})),
):
    try:
        print(call())
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        print(type(error).__name__, error)


class Custom:
    __slots__ = ("a", "b")

    def __init__(self, a):
        self.a = a


class Deep(list):
    def __deepcopy__(self, memo):
        return "deep"


loop = [1, {"k": (2, [3])}, Custom([4]), Deep(), {5}, lambda: 1, bytearray(b"x")]
loop.append(loop)
copied = copy.deepcopy(loop)
print(
    copied[-1] is copied,
    copied[2].a,
    copied[3],
    copy.copy(loop)[1] is loop[1],
    copy.copy(Custom(1)).a,
    copy.copy({1: 2}),
    copy.deepcopy((1, (2,))),
    copy.copy({1}),
    copy.copy(Color.RED),
)
T = typing.TypeVar("T", bound=int)


class Box(typing.Generic[T]):
    value: T
    other: "typing.Optional[Box[T]]"


class Proto(typing.Protocol):
    def method(self) -> int: ...


Checked = typing.runtime_checkable(Proto)


class Movie(typing.TypedDict, total=False):
    name: typing.Required[str]
    year: int


class Named(typing.NamedTuple):
    a: int
    b: str = "x"


print(
    Box[int],
    typing.Union[int, str, None],
    typing.Optional[int],
    typing.get_type_hints(Box),
    typing.get_origin(typing.List[int]),
    typing.get_args(typing.Callable[[int], str]),
    typing.cast(int, "x"),
    typing.Literal["a", 1],
    typing.Annotated[int, "m"],
    Movie(name="n"),
    Movie.__required_keys__,
    Named(1),
    isinstance(1, Checked),
    typing.Tuple[int, ...],
    typing.Dict[str, T][int],
    typing.NewType("Id", int)(3),
    typing.overload(lambda: 1) and 1,
    typing.ForwardRef("int"),
    typing.is_typeddict(Movie),
    typing.Type[int],
    typing.ClassVar[int],
)
for call in (
    lambda: typing.Union[()],
    lambda: typing.List[1],
    lambda: Box[1, 2],
    lambda: typing.Optional[1, 2],
    lambda: Proto(),
    lambda: typing.get_type_hints(3),
    lambda: typing.Any(),
):
    try:
        print(call())
    except (TypeError, NameError) as error:
        print(type(error).__name__)
print(keyword.iskeyword("if"), keyword.softkwlist)
