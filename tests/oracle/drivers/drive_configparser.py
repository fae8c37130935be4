"""configparser: reading, interpolation, writing, errors."""

import io

from fresh import fresh

INCLUDE = ["configparser"]
configparser = fresh("configparser")

TEXT = """
# comment
[DEFAULT]
home = /home/user
level: 3
[paths]
data = %(home)s/data  ; not a comment by default
list =
    one
    two

    three
flag = yes
[empty]
[numbers]
int = 42
float = 2.5
off = off
novalue
"""
parser = configparser.ConfigParser(allow_no_value=True, inline_comment_prefixes=(";",))
parser.read_string(TEXT)
parser.read(["/does/not/exist"])
for section in parser.sections():
    print(section, parser.items(section))
numbers = parser["numbers"]
print(
    numbers.getint("int"),
    numbers.getfloat("float"),
    numbers.getboolean("off"),
    numbers.get("nothing", "fallback"),
    len(numbers),
)
print(
    parser.get("paths", "data", raw=True), parser.get("paths", "x", vars={"x": "1"}), parser.has_option("paths", "home")
)
parser.read_dict({"new": {"a": 1, "b": None}})
parser.set("new", "c", "value")
parser.add_section("added")
parser["again"] = {"k": "v"}
parser.remove_option("new", "a")
parser.remove_section("empty")
del parser["added"]
out = io.StringIO()
parser.write(out)
print(out.getvalue())
extended = configparser.ConfigParser(interpolation=configparser.ExtendedInterpolation())
extended.read_string("[a]\nx = 1\ny = ${x}2 $$\n[b]\nz = ${a:y}3\nloop = ${loop}\nbad = ${nothing}\n")
print(extended["b"]["z"], configparser.RawConfigParser({"d": "1"}).defaults())
ERRORS = ["x = 1", "[a]\n[a]", "[a]\nx=1\nx=2", "[a]\n= 1\nwhat", "[a]\n  continued\nodd"]
for text in ERRORS:
    try:
        configparser.ConfigParser().read_string(text)
    except configparser.Error as error:
        print(type(error).__name__, error)
for section, option in (("b", "loop"), ("b", "bad"), ("b", "missing"), ("missing", "x")):
    try:
        extended.get(section, option)
    except configparser.Error as error:
        print(type(error).__name__)
for name, value in (("a", "%"), ("a", 1)):
    try:
        parser.set("again", name, value)
    except (ValueError, TypeError) as error:
        print(error)
try:
    parser.getboolean("paths", "data")
except ValueError as error:
    print(error)
parser.converters["list"] = str.split
print(parser.getlist("paths", "list"), "paths" in parser, list(parser), parser.popitem()[0])
