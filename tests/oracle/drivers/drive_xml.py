"""xml.etree, ElementPath, minidom, sax utilities, plistlib, xmlrpc marshalling."""

import io

from fresh import fresh

INCLUDE = ["xml.*", "plistlib", "xmlrpc.client"]
fresh("xml")
fresh("xml.etree.ElementTree", without=["_elementtree"])
plistlib = fresh("plistlib")
fresh("xmlrpc.client")
import datetime
import xml.dom.minidom
import xml.dom.pulldom
import xml.etree.ElementTree as ET
import xml.sax.handler
import xml.sax.saxutils
import xmlrpc.client

DOCUMENT = """<?xml version="1.0"?><!DOCTYPE r><r xmlns="urn:a" xmlns:b="urn:b" k="v&amp;w"><!-- c --><?pi data?>
<b:item id="1">one<sub/>tail</b:item><item id="2" b:x="y">two</item><item><deep><item id="3"/></deep></item><![CDATA[<raw>]]></r>"""
root = ET.fromstring(DOCUMENT)
tree = ET.ElementTree(root)
for path in (
    ".//{urn:a}item",
    "*",
    "{urn:b}item[@id='1']",
    ".//*[@id]",
    "{urn:a}item[2]",
    "{urn:a}item[last()]",
    ".//{urn:a}deep/..",
    "{*}item",
    ".//{urn:a}item[.='two']",
    "a:item[@id!='9']",
    "{urn:a}item[{urn:a}deep]",
    ".",
):
    print(path, [element.tag for element in tree.findall(path, {"a": "urn:a"})])
print(
    root.find("nothing"),
    root.findtext("{urn:a}item"),
    list(root.itertext()),
    [e.tag for e in root.iter("{urn:a}item")],
    len(root),
    root[0].attrib,
    root.get("k"),
    root.keys(),
)
ET.indent(tree, " ")
out = io.BytesIO()
tree.write(out, encoding="utf-8", xml_declaration=True, default_namespace=None)
print(
    out.getvalue().decode(),
    ET.tostring(root, method="text"),
    ET.tostring(ET.XML("<a><br/>&lt;</a>"), method="html"),
    ET.canonicalize("<a z='1' b='2'><c/></a>", with_comments=True, strip_text=True),
)
built = ET.Element("x", {"a": "ü"}, b="\n")
ET.SubElement(built, "y").text = "<&>"
built.append(ET.Comment("note"))
built.append(ET.ProcessingInstruction("p", "i"))
built.insert(0, ET.Element("z"))
built.remove(built[0])
print(
    ET.tostring(built, "us-ascii"),
    ET.tostring(built, "unicode", short_empty_elements=False),
    ET.tostringlist(built)[:2],
)
for event, element in ET.iterparse(io.BytesIO(DOCUMENT.encode()), events=("start", "end", "start-ns", "comment", "pi")):
    print(event, str(getattr(element, "tag", element)).partition(" at ")[0])
pull = ET.XMLPullParser(["end"])
pull.feed("<a><b/>")
print(
    [event for event, _ in pull.read_events()],
    ET.XMLParser(target=ET.TreeBuilder(insert_comments=True)).feed("<a><!--x--></a>"),
    ET.fromstringlist(["<a>", "</a>"]).tag,
    ET.XMLID("<a id='1'/>")[1].keys(),
)
for broken in ("<a>", "<a></b>", "", "<a>&nosuch;</a>", "<a b='1' b='2'/>"):
    try:
        ET.fromstring(broken)
    except ET.ParseError as error:
        print(error, error.position)
for call in (
    lambda: built.append("x"),
    lambda: root.findall("["),
    lambda: tree.findall("a:x"),
    lambda: ET.tostring(ET.Element(3)),
    lambda: root.findall(".//[x]"),
):
    try:
        print(call())
    except (TypeError, SyntaxError, KeyError) as error:
        print(type(error).__name__)

dom = xml.dom.minidom.parseString(DOCUMENT)
first = dom.getElementsByTagName("item")[0]
first.setAttribute("new", '"<')
node = dom.createElementNS("urn:c", "c:node")
node.appendChild(dom.createTextNode("text & more"))
dom.documentElement.insertBefore(node, first)
dom.documentElement.removeChild(dom.documentElement.lastChild)
clone = dom.documentElement.cloneNode(True)
dom.documentElement.replaceChild(dom.createComment("replaced"), first)
dom.documentElement.normalize()
print(
    dom.toprettyxml(indent=" "),
    clone.toxml(),
    first.hasAttribute("id"),
    first.attributes.keys(),
    dom.documentElement.childNodes.length,
    node.namespaceURI,
    dom.doctype.name,
    clone.getAttributeNode("k").value,
    node.firstChild.splitText(4).data,
)
try:
    dom.appendChild(dom.createElement("second"))
except xml.dom.HierarchyRequestErr as error:
    print(error)
dom.unlink()


class Handler(xml.sax.handler.ContentHandler):
    def startElement(self, name, attrs):
        print("sax", name, dict(attrs.items()))

    def characters(self, content):
        print("text", repr(content))


xml.sax.parseString(DOCUMENT.encode(), Handler())
generator = xml.sax.saxutils.XMLGenerator(io.StringIO(), short_empty_elements=True)
xml.sax.parseString(b"<a x='1'><b/>&gt;<?p q?></a>", generator)
print(
    xml.sax.saxutils.escape("<&>", {"x": "y"}), xml.sax.saxutils.quoteattr("a\"b'c"), xml.sax.saxutils.unescape("&lt;")
)
try:
    xml.sax.parseString(b"<a>", Handler())
except xml.sax.SAXParseException as error:
    print(error.getLineNumber())
events = xml.dom.pulldom.parseString("<a><b>c</b></a>")
for event, node in events:
    if event == "START_ELEMENT" and node.tagName == "b":
        events.expandNode(node)
        print(node.toxml())

VALUE = {
    "s": "text ü & <x>",
    "i": -5,
    "f": 1.5,
    "t": True,
    "n": False,
    "d": datetime.datetime(2020, 1, 2, 3, 4, 5),
    "b": b"\x00\xff" * 40,
    "l": [1, [2], {}],
    "u": plistlib.UID(7),
    "big": 2**40,
    "e": [],
    "empty": {},
}
for kind in (plistlib.FMT_BINARY, plistlib.FMT_XML):
    value = {k: v for k, v in VALUE.items() if kind == plistlib.FMT_BINARY or k != "u"}
    data = plistlib.dumps(value, fmt=kind, sort_keys=False)
    print(len(data), plistlib.loads(data) == value, plistlib.load(io.BytesIO(data), fmt=kind) == value)
for call in (
    lambda: plistlib.loads(b"nonsense"),
    lambda: plistlib.dumps({1: 2}),
    lambda: plistlib.dumps(object()),
    lambda: plistlib.dumps(2**70),
    lambda: plistlib.loads(b"bplist00bad" + b"\0" * 40),
    lambda: plistlib.loads(b"<plist><dict><integer>1</integer></dict></plist>"),
    lambda: plistlib.dumps({1: 2}, skipkeys=True),
):
    try:
        print(len(call()))
    except (ValueError, TypeError, OverflowError) as error:
        print(type(error).__name__)
dumped = xmlrpc.client.dumps(
    (1, "a<b", [True, 2.5, None], {"k": b"bytes"}, xmlrpc.client.DateTime("20200102T03:04:05")),
    "method",
    allow_none=True,
)
print(dumped, xmlrpc.client.loads(dumped, use_builtin_types=True), xmlrpc.client.dumps(xmlrpc.client.Fault(4, "f")))
try:
    xmlrpc.client.loads(xmlrpc.client.dumps(xmlrpc.client.Fault(4, "f"), methodresponse=True))
except xmlrpc.client.Fault as error:
    print(error)
