"""urllib.parse, urllib.request without a network, robotparser, http.cookies, cookiejar, mimetypes."""

import io

from fresh import fresh

INCLUDE = ["urllib.*", "http.cookies", "http.cookiejar", "mimetypes", "base64", "quopri"]
fresh("urllib")
mimetypes, base64, quopri = fresh("mimetypes", "base64", "quopri")
fresh("http")
import http.cookiejar
import http.cookies
import urllib.parse
import urllib.request
import urllib.robotparser

URLS = [
    "http://user:pw@[::1]:8080/a;p/b?x=1&y=2#frag",
    "//host/path",
    "mailto:a@b",
    "file:///etc/x",
    "/rel?q",
    "HTTP://EX%41mple.org:80/%7Ex/../y",
    "",
    "http://a\n/b",
    "svn+ssh://x/y",
]
for url in URLS:
    parts = urllib.parse.urlparse(url)
    print(
        parts,
        parts.geturl(),
        parts.hostname,
        parts.username,
        parts.password,
        urllib.parse.urlsplit(url),
        urllib.parse.urldefrag(url),
        urllib.parse.urljoin("http://h/a/b/c?d", url),
    )
    try:
        print(parts.port)
    except ValueError as error:
        print(error)
for relative in ("../x", "./y", "?q", "#f", "//n/m", "/abs/../z", "", "a/./b", "http://k", "../../../g"):
    print(urllib.parse.urljoin("http://a/b/c/d;p?q", relative), urllib.parse.urljoin(b"http://a/b", relative.encode()))
for bad in ("http://[::1/", "http://a:port/", "http://h\u2100.x/"):
    try:
        print(urllib.parse.urlsplit(bad).port)
    except ValueError as error:
        print(error)
print(
    urllib.parse.quote("a b/ü?&", safe=""),
    urllib.parse.quote_plus("a b+c"),
    urllib.parse.unquote("a%20b%C3%BC%zz%4"),
    urllib.parse.unquote_plus("a+b%2B"),
    urllib.parse.quote(b"\xff\x00"),
    urllib.parse.unquote_to_bytes("%ff%0g"),
    urllib.parse.urlencode({"a": [1, 2], "b": "ü"}, doseq=True),
    urllib.parse.urlencode([("x", b"y"), (b"z", "w")]),
    urllib.parse.parse_qs("a=1&a=2&b=&c", keep_blank_values=True),
    urllib.parse.parse_qsl("x=%ff;y=1", separator=";", errors="replace"),
    urllib.parse.urlunsplit(("s", "h", "p", "q", "f")),
)
for call in (
    lambda: urllib.parse.parse_qs("a=1&b=2", max_num_fields=1),
    lambda: urllib.parse.parse_qs("a", strict_parsing=True),
    lambda: urllib.parse.urljoin("a", b"b"),
    lambda: urllib.parse.urlencode(3),
):
    try:
        print(call())
    except (ValueError, TypeError) as error:
        print(error)

request = urllib.request.Request("http://example.org/a?b#c", data=b"x", headers={"X-Y": "z"}, method="PUT")
request.add_header("Accept", "*")
print(
    request.full_url,
    request.host,
    request.selector,
    request.get_method(),
    sorted(request.header_items()),
    request.has_header("Accept"),
    request.get_full_url(),
)
opener = urllib.request.build_opener()
with opener.open("data:text/plain;base64,SGVsbG8=") as response:
    print(response.read(), response.headers.get_content_type(), response.url)
with opener.open("file://" + __file__) as response:
    print(len(response.read()) > 10, response.status)
try:
    opener.open("nosuch://x")
except urllib.error.URLError as error:
    print(error)
robots = urllib.robotparser.RobotFileParser("http://x/robots.txt")
robots.parse(
    "User-agent: *\nDisallow: /private\nAllow: /\nCrawl-delay: 3\nRequest-rate: 1/5\n\nUser-agent: bot\nDisallow:\nSitemap: http://x/s".splitlines()
)
robots.modified()
print(
    robots.can_fetch("x", "http://x/private/1"),
    robots.can_fetch("bot", "/private"),
    robots.crawl_delay("x"),
    robots.request_rate("x"),
    robots.site_maps(),
    robots,
)

cookie = http.cookies.SimpleCookie('a=1; b="x\\"y\\054z"; $Path=/; c=d; expires=Wed, 01 Jan 2020 00:00:00 GMT')
cookie["n"] = "val ue;,é"
cookie["n"]["path"] = "/p"
cookie["n"]["max-age"] = 10
cookie["n"]["secure"] = True
cookie["n"]["expires"] = 0
del cookie["n"]["expires"]
print(
    cookie.output(),
    cookie.js_output(),
    cookie["b"].value,
    repr(cookie),
    cookie["n"].OutputString(["path"]),
    cookie["a"] == cookie["a"],
    cookie["a"].copy(),
)
for call in (
    lambda: cookie.__setitem__("bad name", "x"),
    lambda: cookie["n"].__setitem__("nosuch", 1),
    lambda: cookie["n"].set("path", 1, 1),
    lambda: cookie.load({"z": "1"}),
    lambda: cookie.load("]]bad"),
):
    try:
        print(call())
    except http.cookies.CookieError as error:
        print(error)
jar = http.cookiejar.CookieJar()


class Response:
    def info(self):
        import email.message

        message = email.message.Message()
        for value in (
            "s=1; Path=/; Domain=.example.org; Max-Age=9999999999",
            "t=2; expires=Wed, 01-Jan-2098 00:00:00 GMT",
            "u=3; Domain=other.org",
            'v="4"; Version=1; HttpOnly',
        ):
            message["Set-Cookie"] = value
        return message


origin = urllib.request.Request("http://www.example.org/dir/")
jar.extract_cookies(Response(), origin)
again = urllib.request.Request("http://www.example.org/dir/page")
jar.add_cookie_header(again)
print(
    len(jar),
    again.get_header("Cookie"),
    sorted(c.name for c in jar),
    jar.clear("www.example.org"),
    http.cookiejar.http2time("Wed, 09 Feb 1994 22:23:32 GMT"),
    http.cookiejar.time2isoz(0),
    http.cookiejar.iso2time("1994-02-03 14:15:29 -0100"),
    http.cookiejar.parse_ns_headers(["a=b; expires=x"]),
    http.cookiejar.split_header_words(['a="b", c; d=e']),
    http.cookiejar.join_header_words([[("x", "y z")]]),
)

types = mimetypes.MimeTypes(filenames=())
print(
    types.guess_type("a.tar.gz"),
    types.guess_type("x.html"),
    types.guess_type("data:text/x,y"),
    types.guess_extension("image/png"),
    types.guess_all_extensions("text/plain")[:1],
    types.guess_type("x.unknown"),
)
types.readfp(io.StringIO("# c\nmy/type ext1 ext2\n"))
print(types.guess_type("q.ext2"))
DATA = bytes(range(256))
for name in ("b16", "b32", "b32hex", "b64", "b85", "a85", "urlsafe_b64", "standard_b64"):
    encoded = getattr(base64, name + "encode")(DATA)
    print(encoded[:20], getattr(base64, name + "decode")(encoded) == DATA)
print(
    base64.a85encode(b"\0\0\0\0    x", foldspaces=True, wrapcol=5, adobe=True),
    base64.b32decode(b"mzxw6===", casefold=True),
    base64.encodebytes(DATA)[:9],
    base64.decodebytes(b"AA=="),
)
for call in (
    lambda: base64.b32decode(b"1"),
    lambda: base64.b85decode(b"~~~~~ "),
    lambda: base64.a85decode(b"zz!zv"),
    lambda: base64.b64decode("é"),
    lambda: base64.b16decode(b"ag"),
    lambda: base64.a85decode(b"x", adobe=True),
    lambda: base64.encodebytes("x"),
):
    try:
        print(call())
    except (ValueError, TypeError) as error:
        print(error)
print(quopri.encodestring(b"a=b \xff\nlong " * 9, quotetabs=True), quopri.decodestring(b"a=3Db=\nc=FF", header=False))
plain = io.BytesIO()
quopri.a2b_qp = quopri.b2a_qp = None
quopri.encode(io.BytesIO(b"x=\t y\n" + b"z" * 100), plain, True)
plain.seek(0)
back = io.BytesIO()
quopri.decode(plain, back)
print(plain.getvalue(), back.getvalue())
