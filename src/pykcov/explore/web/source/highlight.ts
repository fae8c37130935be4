// Colours for source text: line by line, with what goes on from one line to the next.

export type Kind = "" | "comment" | "string" | "keyword" | "number" | "decorator";
export type Token = readonly [Kind, string];

const PYTHON = new Set(
    (
        "False None True and as assert async await break case class continue def del elif else except finally for from " +
        "global if import in is lambda match nonlocal not or pass raise return try while with yield"
    ).split(" "),
);
const C = new Set(
    (
        "auto bool break case char const continue default do double else enum extern float for goto if inline int long " +
        "register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while " +
        "NULL true false class namespace new delete template this using virtual public private protected nullptr cdef cpdef"
    ).split(" "),
);

const PYTHON_TOKEN =
    /(?<comment>#.*)|(?<open>[rbfutRBFUT]{0,3}(?:"""|'''))|(?<string>[rbfutRBFUT]{0,3}(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?))|(?<decorator>^\s*@[\w.]+)|(?<word>[^\W\d]\w*)|(?<number>\b\d[\w.]*)/gu;
const C_TOKEN =
    /(?<comment>\/\/.*|\/\*.*?\*\/)|(?<open>\/\*)|(?<string>"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)|(?<decorator>^\s*#\s*\w+)|(?<word>[^\W\d]\w*)|(?<number>\b\d[\w.]*)/gu;

/** Returns the parts of each line of a file. */
export function highlight(name: string, lines: readonly string[]): Token[][] {
    const isC = /\.(c|cc|cpp|cxx|h|hh|hpp)$/.test(name);
    if (!isC && !/\.pyw?$/.test(name)) {
        return lines.map((line) => [["", line]]);
    }
    // What ends a comment or string that an earlier line has begun.
    let end = "";
    return lines.map((line) => {
        const tokens: Token[] = [];
        let at = 0;
        if (end !== "") {
            const found = endOf(line, end, 0);
            tokens.push([isC ? "comment" : "string", line.slice(0, found.at)]);
            at = found.at;
            if (!found.ended) {
                return tokens;
            }
            end = "";
        }
        const expression = isC ? C_TOKEN : PYTHON_TOKEN;
        for (expression.lastIndex = at; ; ) {
            const match = expression.exec(line);
            if (match === null) {
                break;
            }
            if (match.index > at) {
                tokens.push(["", line.slice(at, match.index)]);
            }
            const groups = match.groups ?? {};
            let text = match[0];
            let kind: Kind = "";
            if (groups.open !== undefined) {
                const closing = isC ? "*/" : text.slice(-3);
                const found = endOf(line, closing, match.index + text.length);
                text = line.slice(match.index, found.at);
                end = found.ended ? "" : closing;
                kind = isC ? "comment" : "string";
                expression.lastIndex = found.at;
            } else if (groups.word !== undefined) {
                kind = (isC ? C : PYTHON).has(text) ? "keyword" : "";
            } else {
                kind = (["comment", "string", "decorator", "number"] as const).find((one) => groups[one] !== undefined) ?? "";
            }
            tokens.push([kind, text]);
            at = match.index + text.length;
        }
        if (at < line.length) {
            tokens.push(["", line.slice(at)]);
        }
        return tokens;
    });
}

function endOf(line: string, closing: string, from: number): { at: number; ended: boolean } {
    for (let at = from; at < line.length; at++) {
        if (line[at] === "\\" && closing !== "*/") {
            at++;
        } else if (line.startsWith(closing, at)) {
            return { at: at + closing.length, ended: true };
        }
    }
    return { at: line.length, ended: false };
}
