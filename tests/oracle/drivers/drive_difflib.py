"""difflib: matcher, all kinds of diffs, HTML."""

from fresh import fresh

INCLUDE = ["difflib"]
difflib = fresh("difflib")

with open(difflib.__file__) as file:
    lines = file.read().splitlines(keepends=True)[:90]
other = [line.replace("sequence", "series") for line in lines if len(line) % 7] + ["\tnew line\n", "last"]
print("".join(difflib.unified_diff(lines, other, "a", "b", "then", "now")))
print("".join(difflib.context_diff(lines, other, "a", "b", n=1)))
print("".join(difflib.ndiff(lines[:40], other[:40], charjunk=difflib.IS_CHARACTER_JUNK, linejunk=difflib.IS_LINE_JUNK)))
print(difflib.get_close_matches("appel", ["ape", "apple", "peach", "puppy"]), difflib.get_close_matches("x", []))
matcher = difflib.SequenceMatcher(
    lambda c: c == " ", "private Thread current;", "private volatile Thread current;", autojunk=False
)
print(
    matcher.ratio(),
    matcher.quick_ratio(),
    matcher.real_quick_ratio(),
    matcher.get_opcodes(),
    matcher.find_longest_match(),
)
print([list(group) for group in matcher.get_grouped_opcodes(1)], matcher.get_matching_blocks())
matcher.set_seqs("abxcd", "abcd")
print(
    matcher.ratio(),
    difflib.SequenceMatcher(None, "", "").ratio(),
    difflib.SequenceMatcher(None, "a" * 300, "a" * 250 + "b").ratio(),
)
print("".join(difflib.restore(difflib.ndiff(["a\n", "b\n"], ["a\n", "c\n"]), 2)))
html = difflib.HtmlDiff(tabsize=4, wrapcolumn=30)
print(
    html.make_file(lines[:30], other[:30], "a", "b", context=True, numlines=2)[-500:],
    len(html.make_table(lines[:30], other[:30])),
)
print(list(difflib.diff_bytes(difflib.unified_diff, [b"a\xff"], [b"b"], b"x", b"y")))
for call in (
    lambda: list(difflib.unified_diff([b"x"], ["y"])),
    lambda: difflib.get_close_matches("a", [], n=0),
    lambda: list(difflib.restore([], 3)),
):
    try:
        print(call())
    except (TypeError, ValueError) as error:
        print(error)
