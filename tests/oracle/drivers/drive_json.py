"""json without its accelerator: decoder, encoder, scanner, hooks and errors."""

import contextlib
import io

from fresh import fresh

INCLUDE = ["json.*"]
json = fresh("json", without=["_json"])

DOCUMENT = """
{"menu": {"id": "file", "value": "File \\u00e9\\ud83d\\ude00", "items": [1, -2, 3.5, 1e10, true, false, null, [], {}],
 "nested": {"a": {"b": {"c": ["x", "y", {"z": "\\n\\t\\"quoted\\""}]}}}, "big": 123456789012345678901234567890}}
"""
value = json.loads(DOCUMENT)
print(json.dumps(value, sort_keys=True))
print(json.dumps(value, indent=2, ensure_ascii=False))
print(json.dumps(value, separators=(",", ":"), check_circular=False))
print(json.dumps({1: 2, None: 3, True: 4, 1.5: 5, "x": (1, 2)}))
print(json.dumps({(1, 2): 3, "kept": 1}, skipkeys=True))
print(json.dumps([float("inf"), float("-inf"), float("nan")]))
print(json.dumps({1, 2}, default=sorted), json.dumps([{3}, {"k": {4}}], default=list, indent=1))
print(json.loads("[1, NaN, Infinity, -Infinity]"))
print(json.loads('{"a": 1.5}', parse_float=str, object_pairs_hook=list, object_hook=dict))
print(json.loads(b"\xff\xfe[\x001\x00]\x00"), json.loads("[1]".encode("utf-32-be")))
stream = io.StringIO()
json.dump({"stream": [1, {"two": [3]}]}, stream, indent="\t")
print(stream.getvalue(), json.load(io.StringIO(stream.getvalue())))

BROKEN = [
    '{"a" 1}',
    '{"a": }',
    "[1, 2",
    '"abc',
    '"\\x"',
    '"\\u12"',
    "",
    "{1: 2}",
    "[1] 2",
    '"\t"',
    '{"a": 1,}',
    '{"a": 1 "b"}',
    "[1 2]",
    "nul",
]
for text in BROKEN:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        print(error)
circular = []
circular.append(circular)
for impossible in (circular, {"k": object}, {(1,): 2}):
    try:
        json.dumps(impossible)
    except (ValueError, TypeError) as error:
        print(type(error).__name__)
with contextlib.suppress(ValueError):
    json.dumps(float("nan"), allow_nan=False)
