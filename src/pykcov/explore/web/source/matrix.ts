// Which contexts ran which lines of a file, and what can be asked of that. Sets of lines are bits: bit n is line n.

import { Numbers } from "./wire";

export type Bits = Uint32Array;

/** One file: its sets of lines, each once, and the contexts that ran one. */
export class Matrix {
    private constructor(
        /** How many words a set has. */
        readonly words: number,
        /** The lines that could have run. */
        readonly known: Bits,
        private readonly sets: Bits,
        /** Ascending. */
        readonly contexts: Uint32Array,
        /** Which set each of them ran. */
        private readonly ran: Uint32Array,
    ) {}

    static read(numbers: Numbers): Matrix {
        const words = numbers.next();
        const count = numbers.next();
        const sets = new Uint32Array(words * count);
        for (let set = 0; set < count; set++) {
            readLines(numbers, sets.subarray(set * words, (set + 1) * words));
        }
        const cells = numbers.next();
        const contexts = numbers.fill(new Uint32Array(cells), true);
        const ran = numbers.fill(new Uint32Array(cells));
        // The first set is what could have run.
        return new Matrix(words, sets.subarray(0, words), sets, contexts, ran);
    }

    set(cell: number): Bits {
        const start = (this.ran[cell] ?? 0) * this.words;
        return this.sets.subarray(start, start + this.words);
    }

    /** The lines that any context with `wanted` ran; null stands for all contexts. */
    any(wanted: Uint8Array | null, value = 1): Bits {
        const found = new Uint32Array(this.words);
        const { contexts, ran, sets, words } = this;
        const done = new Uint8Array(sets.length / Math.max(words, 1));
        for (let cell = 0; cell < contexts.length; cell++) {
            const set = ran[cell] as number;
            if (done[set] === 0 && (wanted === null || wanted[contexts[cell] as number] === value)) {
                done[set] = 1;
                for (let word = 0, at = set * words; word < words; word++, at++) {
                    found[word] = (found[word] as number) | (sets[at] as number);
                }
            }
        }
        return found;
    }

    /** The lines that each context with `wanted`, `count` of them, ran. */
    all(wanted: Uint8Array, count: number): Bits {
        const found = new Uint32Array(this.words);
        let seen = 0;
        for (let cell = 0; cell < this.contexts.length; cell++) {
            if (wanted[this.contexts[cell] as number] === 1) {
                const set = this.set(cell);
                for (let word = 0; word < this.words; word++) {
                    const bits = set[word] as number;
                    found[word] = seen === 0 ? bits : (found[word] as number) & bits;
                }
                seen++;
            }
        }
        return seen === count ? found : new Uint32Array(this.words);
    }

    /** The contexts that ran a line, ascending. */
    who(line: number): number[] {
        const word = line >>> 5;
        const bit = 1 << (line & 31);
        const found: number[] = [];
        if (word < this.words) {
            this.contexts.forEach((context, cell) => {
                if ((this.sets[(this.ran[cell] as number) * this.words + word] as number) & bit) {
                    found.push(context);
                }
            });
        }
        return found;
    }

    /** How many contexts, of those with `wanted`, ran each line. */
    counts(wanted: Uint8Array | null = null): Uint32Array {
        const bySet = new Uint32Array(this.sets.length / Math.max(this.words, 1));
        this.contexts.forEach((context, cell) => {
            if (wanted === null || wanted[context] === 1) {
                const set = this.ran[cell] as number;
                bySet[set] = (bySet[set] as number) + 1;
            }
        });
        const found = new Uint32Array(this.words * 32);
        bySet.forEach((count, set) => {
            if (count > 0) {
                for (const line of lines(this.sets.subarray(set * this.words, (set + 1) * this.words))) {
                    found[line] = (found[line] as number) + count;
                }
            }
        });
        return found;
    }
}

function readLines(numbers: Numbers, into: Bits): void {
    let line = 0;
    for (let runs = numbers.next(); runs > 0; runs--) {
        line += numbers.next();
        for (let length = numbers.next(); length > 0; length--, line++) {
            into[line >>> 5] = (into[line >>> 5] as number) | (1 << (line & 31));
        }
    }
}

export function has(bits: Bits, line: number): boolean {
    return ((bits[line >>> 5] ?? 0) & (1 << (line & 31))) !== 0;
}

/** The numbers of the lines of a set, ascending. */
export function* lines(bits: Bits): Generator<number> {
    for (let word = 0; word < bits.length; word++) {
        for (let rest = bits[word] as number; rest !== 0; rest &= rest - 1) {
            yield word * 32 + 31 - Math.clz32(rest & -rest);
        }
    }
}

/** How many lines are in both sets. */
export function countOfBoth(one: Bits, other: Bits): number {
    let count = 0;
    for (let word = 0; word < one.length; word++) {
        let bits = (one[word] as number) & (other[word] ?? 0);
        bits -= (bits >>> 1) & 0x55555555;
        bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
        count += Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
    }
    return count;
}

/** What is in the first set and not in the second. */
export function without(one: Bits, other: Bits): Bits {
    return one.map((bits, word) => bits & ~(other[word] ?? 0));
}
