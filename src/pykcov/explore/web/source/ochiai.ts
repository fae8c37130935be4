// Which lines tell contexts A from contexts B.

import type { Matrices } from "./data";
import type { Chosen } from "./filter";
import { has } from "./matrix";

export interface Suspect {
    readonly file: number;
    readonly line: number;
    /** How many contexts of each ran it. */
    readonly inA: number;
    readonly inB: number;
    /** Ochiai's coefficient: inA / sqrt(A * (inA + inB)). */
    readonly suspicion: number;
    /** From 1; lines of equal suspicion have the same. */
    readonly rank: number;
}

/** Returns the `most` most suspicious lines, in order. */
export function rank(matrices: Matrices, a: Chosen, b: Chosen, most: number): Suspect[] {
    const found: Omit<Suspect, "rank">[] = [];
    matrices.forEach((matrix, file) => {
        const ofA = matrix?.counts(a.wanted) ?? [];
        const ofB = matrix?.counts(b.wanted) ?? [];
        ofA.forEach((inA, line) => {
            if (inA > 0 && matrix !== undefined && has(matrix.known, line)) {
                const inB = ofB[line] as number;
                found.push({ file, line, inA, inB, suspicion: inA / Math.sqrt(a.count * (inA + inB)) });
            }
        });
    });
    found.sort((one, other) => other.suspicion - one.suspicion || one.file - other.file || one.line - other.line);
    let last = 0;
    return found.slice(0, most).map((one, at) => {
        if (at === 0 || one.suspicion !== found[at - 1]?.suspicion) {
            last = at + 1;
        }
        return { ...one, rank: last };
    });
}
