"""email: parsing, the header value parser, generating, multipart."""

import io

from fresh import fresh

INCLUDE = ["email.*"]
email = fresh("email")
import email.generator
import email.header
import email.message
import email.mime.base
import email.mime.image
import email.mime.multipart
import email.mime.text
import email.parser
import email.policy
import email.utils

RAW = b"""From nobody
Received: by example.org; Mon, 01 Jan 2024 10:00:00 +0000
From: =?utf-8?b?SsO8cmdlbg==?= <jurgen@example.org>, "Anna \\"A\\" B" <anna@[192.168.0.1]>
To: undisclosed-recipients:;, group: a@b.c, d@e.f;
Subject: =?iso-8859-1?q?Caf=E9_und?= =?utf-8?q?_Kuchen?= and a rather long subject that has to be folded somewhere because it is long
Date: Mon, 1 Jan 2024 10:00:00 +0100 (CET)
Message-ID: <abc.123@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_b1"; charset*=utf-8''%e2%82%ac; name*0="lo"; name*1="ng"

preamble
--=_b1
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Caf=C3=A9 =
continued
--=_b1
Content-Type: application/octet-stream; name="x.bin"
Content-Disposition: attachment; filename="x.bin"
Content-Transfer-Encoding: base64

AAECAwQFBgc=
--=_b1
Content-Type: message/rfc822

Subject: inner
From: a@b

body
--=_b1--
epilogue
"""
for policy in (email.policy.default, email.policy.compat32, email.policy.SMTP):
    message = email.message_from_bytes(RAW, policy=policy)
    for part in message.walk():
        print(part.get_content_type(), part.get_filename(), part.get_params(), part.get_content_charset())
        if not part.is_multipart():
            print(part.get_payload(decode=True))
    print(message["subject"], message["from"], message["to"], message["date"], message.defects)
    print(message.as_bytes())
modern = email.message_from_bytes(RAW, policy=email.policy.default)
print([address.display_name for address in modern["from"].addresses], modern["date"].datetime, modern["to"].groups)
print(
    modern.get_body() and modern.get_body().get_content(), [part.get_filename() for part in modern.iter_attachments()]
)

built = email.message.EmailMessage()
built["Subject"] = "Grüße " * 12
built["To"] = "Ä Ö <a@example.org>, b@example.com"
built["X-Long"] = "word " * 40
built.set_content("Text ümläut\n" + "x" * 1200)
built.add_alternative("<p>html</p>", subtype="html")
built.add_attachment(b"\x00\x01", maintype="application", subtype="x", filename="ä.bin")
for part, boundary in zip((part for part in built.walk() if part.is_multipart()), ("one", "two", "three")):
    part.set_boundary(boundary)
print(str(built))
old = email.mime.multipart.MIMEMultipart("related", boundary="b2")
old.attach(email.mime.text.MIMEText("tëxt", "plain", "utf-8"))
old.attach(email.mime.image.MIMEImage(b"\x89PNG\r\n\x1a\n"))
old["Subject"] = email.header.Header("Späße " * 20, "utf-8")
old.add_header("X-Y", "v", name=("utf-8", "en", "ü"), other=None)
del old["nothing"]
old.replace_header("Subject", "new")
out = io.StringIO()
email.generator.Generator(out, mangle_from_=True, maxheaderlen=40).flatten(old, unixfrom=False)
email.generator.DecodedGenerator(out).flatten(old)
print(out.getvalue())
print(email.utils.parseaddr("A B <a@b>"), email.utils.getaddresses(["a@b, C <c@d>", "x (comment) <y@z>"]))
print(
    email.utils.parsedate_tz("Tue, 2 Feb 2021 03:04:05 -0500"),
    email.utils.formataddr(("Ü", "u@x")),
    email.utils.parsedate("nonsense"),
)
print(
    email.header.decode_header("=?utf-8?q?a=5Fb?= c =?x?b?zz?="),
    email.header.make_header([("a", "us-ascii"), ("ü", "utf-8")]),
)
feed = email.parser.FeedParser(policy=email.policy.strict)
try:
    for line in ("Subject: x\n", "Broken\n", "\n", "b"):
        feed.feed(line)
    print(feed.close())
except ValueError as error:
    print(type(error).__name__)
for header in ("a b c <", "<>", "x@", '"open', "(comment", "a@b.c.d..e", ".a@b", "a <b@c> d"):
    del built["X-Address"], built["To"]
    built["X-Address"] = header
    try:
        built["To"] = header
        print(repr(built["To"]), built["To"].defects)
    except IndexError:  # the parser of 3.11 and 3.12 runs off the end of some of these
        print("beyond the end")
