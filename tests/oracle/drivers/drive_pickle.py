"""The pure-Python pickler and unpickler, pickletools, copyreg, shelve-like use."""

import io

from fresh import fresh

INCLUDE = ["pickle", "pickletools", "_compat_pickle", "uuid", "ipaddress"]
pickle = fresh("pickle", without=["_pickle"])
pickletools, uuid, ipaddress = fresh("pickletools", "uuid", "ipaddress")
import collections
import functools


class Plain:
    def __init__(self, a):
        self.a = a

    def __eq__(self, other):
        return self.a == other.a


class Slots:
    __slots__ = ("x", "y")


class State(Plain):
    def __getstate__(self):
        return {"a": self.a, "state": 1}

    def __setstate__(self, state):
        self.a = state["a"]


class Args(tuple):
    def __getnewargs_ex__(self):
        return (), {}

    def __new__(cls, *args, **kwargs):
        return tuple.__new__(cls, args)


class Reduced:
    def __reduce__(self):
        return collections.OrderedDict, (), None, None, iter({"k": 1}.items())


slots = Slots()
slots.x = 1
recursive = [1]
recursive.append((recursive, {"r": recursive}))
VALUES = [
    None,
    True,
    0,
    255,
    65535,
    -1,
    2**31,
    2**80,
    -(2**2100),
    1.5,
    "text",
    "ü" * 300,
    b"b",
    b"x" * 300,
    bytearray(b"y"),
    (),
    (1,),
    (1, 2),
    (1, 2, 3),
    (1, 2, 3, 4),
    [1] * 1500,
    {"a": 1},
    {i: i for i in range(1100)},
    {1, 2},
    frozenset({3}),
    len,
    Plain,
    Plain(3),
    slots,
    State(2),
    Args(),
    Reduced(),
    collections.Counter("aab"),
    functools.partial(int, "3"),
    range(3),
    ...,
    NotImplemented,
    type(None),
    1j,
    recursive,
    "x" * 70000,
]
for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
    for value in VALUES:
        try:
            data = pickle.dumps(value, protocol)
            back = pickle.loads(data)
            print(protocol, len(data), type(back).__name__, sum(data))
        except (pickle.PicklingError, TypeError, ValueError) as error:
            print(protocol, type(error).__name__)
for impossible in (lambda: 1, io.StringIO(), (i for i in ())):
    try:
        pickle.dumps(impossible)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        print(type(error).__name__)
for broken in (
    b"",
    b"\x80\x09.",
    b"garbage",
    b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff.",
    b"cnosuch\nx\n.",
    b"(i__main__\nNo\n.",
    b"0.",
    b"I12x\n.",
    b"U\xffab",
    b"\x8c\x03ab",
):
    try:
        print(pickle.loads(broken))
    except Exception as error:
        print(type(error).__name__)


class Persistent(pickle.Pickler):
    def persistent_id(self, value):
        return "id" if isinstance(value, Plain) else None

    def reducer_override(self, value):
        return (int, ("42",)) if value is len else NotImplemented


class Resolve(pickle.Unpickler):
    def persistent_load(self, name):
        return name


stream = io.BytesIO()
Persistent(stream, 4).dump([Plain(1), len, max])
print(Resolve(io.BytesIO(stream.getvalue())).load())
print(
    pickle.loads(pickle.dumps(bytearray(b"z"), 5)),
    pickle.loads(pickle.dumps("old", 0, fix_imports=True), encoding="latin1"),
)
out = io.StringIO()
pickletools.dis(pickle.dumps(VALUES[:30], 4), out, annotate=20)
pickletools.dis(pickle.dumps(VALUES[:20], 0), out, memo={})
print(
    len(out.getvalue()),
    len(pickletools.optimize(pickle.dumps(VALUES[:33], 4))),
    [op.name for op, _, _ in pickletools.genops(pickle.dumps((1, "a"), 2))],
)

print(
    uuid.UUID("{12345678-1234-5678-1234-567812345678}"),
    uuid.uuid5(uuid.NAMESPACE_DNS, "x"),
    uuid.uuid3(uuid.NAMESPACE_URL, "y"),
    uuid.UUID(int=5).fields,
    uuid.UUID(bytes=b"a" * 16).urn,
    uuid.UUID(bytes_le=b"b" * 16).hex,
    uuid.UUID(fields=(1, 2, 3, 4, 5, 6)).variant,
    uuid.UUID(int=1 << 76, version=4).version,
    uuid.UUID(int=1) < uuid.UUID(int=2),
    uuid.uuid4().version,
)
for arguments in ({}, {"hex": "1"}, {"int": -1}, {"bytes": b""}, {"fields": (1,)}, {"int": 1, "version": 9}):
    try:
        uuid.UUID(**arguments)
    except (TypeError, ValueError) as error:
        print(error)

net = ipaddress.ip_network("192.168.0.0/22")
six = ipaddress.ip_network("2001:db8::/32")
print(
    net,
    list(net.subnets(new_prefix=24)),
    net.supernet(),
    ipaddress.ip_address("192.168.1.1") in net,
    net.broadcast_address,
    net.num_addresses,
    list(net.address_exclude(ipaddress.ip_network("192.168.1.0/24"))),
    list(ipaddress.collapse_addresses([ipaddress.ip_network("10.0.0.0/25"), ipaddress.ip_network("10.0.0.128/25")])),
    list(ipaddress.summarize_address_range(ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("10.0.0.9"))),
    net.overlaps(net),
    net < ipaddress.ip_network("193.0.0.0/8"),
    [str(h) for h in ipaddress.ip_network("10.0.0.0/30").hosts()],
)
for text in (
    "::1",
    "fe80::1",
    "::ffff:1.2.3.4",
    "2002:0102:0304::",
    "2001:0:1:2:3:4:5:6",
    "10.0.0.1",
    "224.0.0.1",
    "0.0.0.0",
    "1:2:3:4:5:6:7:8",
    "ff02::1",
):
    address = ipaddress.ip_address(text)
    print(
        address,
        address.exploded,
        address.packed,
        address.is_private,
        address.is_global,
        address.is_multicast,
        address.is_loopback,
        address.is_link_local,
        address.is_reserved,
        address.is_unspecified,
        address.reverse_pointer,
        int(address),
        hash(address) == hash(address),
        address + 1,
        f"{address:s}",
    )
print(
    ipaddress.IPv6Address("fe80::1%eth0").scope_id,
    ipaddress.IPv6Address("2002:102:304::").sixtofour,
    ipaddress.IPv6Address("2001:0:1:2:3:4:5:6").teredo,
    ipaddress.IPv6Address("::ffff:1.2.3.4").ipv4_mapped,
    ipaddress.ip_interface("10.1.2.3/255.255.0.0").with_hostmask,
    ipaddress.ip_network("10.0.0.0/0.255.255.255"),
    six.is_site_local,
    sorted([ipaddress.ip_interface("10.0.0.2/8"), ipaddress.ip_interface("10.0.0.1/8")]),
)
for text in (
    "1.2.3",
    "1.2.3.256",
    "01.2.3.4",
    "::1::",
    "1:2:3:4:5:6:7:8:9",
    "g::",
    "10.0.0.1/8",
    "10.0.0.0/33",
    "",
    ":1",
    "1:2",
    "::12345",
    "1.2.3.x",
    "::1%",
    "a/b/c",
    "::1.2.3",
):
    for function in (ipaddress.ip_address, ipaddress.ip_network):
        try:
            print(function(text))
        except ValueError as error:
            print(error)
