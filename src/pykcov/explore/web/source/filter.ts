// Contexts chosen by patterns, and the lines that a choice of contexts ran.

import { type Bits, type Matrix, without } from "./matrix";

/** How contexts A, and for one of them B, choose lines. */
export const MODES = {
    any: "that any of A ran",
    all: "that all of A ran",
    only: "that only A ran",
    minus: "that A ran and B did not",
} as const;
export type Mode = keyof typeof MODES;

export interface Chosen {
    /** By context, 1 if it is chosen. */
    readonly wanted: Uint8Array;
    readonly count: number;
}

/**
 * Chooses contexts by patterns, one a line: `*` stands for anything, `?` for one character, and the whole name has to
 * match. `:failed` and `:passed` are the contexts that are known to have failed, and all others with a name.
 */
export function choose(contexts: readonly string[], failed: ReadonlySet<number>, patterns: string): Chosen {
    const wanted = new Uint8Array(contexts.length);
    let count = 0;
    const matches = patterns
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "")
        .map((pattern) => matcher(pattern, failed));
    contexts.forEach((name, context) => {
        if (matches.some((match) => match(name, context))) {
            wanted[context] = 1;
            count++;
        }
    });
    return { wanted, count };
}

function matcher(pattern: string, failed: ReadonlySet<number>): (name: string, context: number) => boolean {
    if (pattern === ":failed") {
        return (_, context) => failed.has(context);
    }
    if (pattern === ":passed") {
        return (name, context) => name !== "" && !failed.has(context);
    }
    const pieces = pattern.split(/([*?])/).map((piece) => {
        return piece === "*" ? ".*" : piece === "?" ? "." : piece.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
    });
    const expression = new RegExp(`^${pieces.join("")}$`, "su");
    return (name) => expression.test(name);
}

/** The lines of a file that a choice of contexts ran. */
export function linesOf(matrix: Matrix, mode: Mode, a: Chosen, b: Chosen): Bits {
    switch (mode) {
        case "any":
            return matrix.any(a.wanted);
        case "all":
            return matrix.all(a.wanted, a.count);
        case "only":
            return without(matrix.any(a.wanted), matrix.any(a.wanted, 0));
        case "minus":
            return without(matrix.any(a.wanted), matrix.any(b.wanted));
    }
}
