"""html.parser, html.escape and unescape, _markupbase."""

from fresh import fresh

INCLUDE = ["html.*", "_markupbase"]
fresh("_markupbase", "html")
import html
import html.parser

PAGE = """<!DOCTYPE html [<!ELEMENT a (b)> <!ATTLIST a b CDATA "x"> <!ENTITY e "f">]>
<html lang="en"><head><title>A &amp; B &lt; C</title><script>if (a < b) { x("</p>"); }</script><style>p > a {}</style></head>
<body class='main wide' data-x=1 hidden><!-- a comment --><p id=p1>Text &eacute; &#233; &#xe9; &notanentity; &amp
<br/><img src="a.png" alt='An "image"'><a href=http://example.org/?a=1&amp;b=2>link</a>
<ul><li>one<li>two</ul><?php echo 1 ?><![CDATA[ data ]]><![if IE]> < 3 </ p><a$b> </body></html><unfinished attr="""


class Collector(html.parser.HTMLParser):
    def handle_starttag(self, tag, attrs):
        print("start", tag, attrs, self.getpos(), self.get_starttag_text())

    def handle_endtag(self, tag):
        print("end", tag)

    def handle_startendtag(self, tag, attrs):
        print("startend", tag, attrs)

    def handle_data(self, data):
        print("data", repr(data))

    def handle_entityref(self, name):
        print("entity", name)

    def handle_charref(self, name):
        print("char", name)

    def handle_comment(self, data):
        print("comment", data)

    def handle_decl(self, decl):
        print("decl", decl)

    def handle_pi(self, data):
        print("pi", data)

    def unknown_decl(self, data):
        print("unknown", data)


for convert in (True, False):
    parser = Collector(convert_charrefs=convert)
    parser.feed(PAGE)
    parser.close()
    parser.reset()
    for start in range(0, len(PAGE), 7):
        parser.feed(PAGE[start : start + 7])
    parser.close()
print(html.escape("<a href='x'>&</a>"), html.escape('"', quote=False))
print(html.unescape("&lt;&#60;&#x3c;&notit;&#0;&#xD800;&#x110000;&#1;&nosuch; &plain"))
