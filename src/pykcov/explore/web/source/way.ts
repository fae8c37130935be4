// What a thread ran, as calls of functions within each other.

import { load, loadJson, Numbers, type WayEntry } from "./wire";

export interface Callee {
    readonly name: string;
    /** Index of a file, -1 if it is not known. */
    readonly file: number;
    readonly line: number;
}

/** The calls of a thread, by when they begin; times are numbers of entries. */
export interface Way {
    readonly name: string;
    readonly entries: number;
    readonly starts: Uint32Array;
    readonly lengths: Uint32Array;
    readonly depths: Uint32Array;
    readonly callees: Uint32Array;
    readonly functions: readonly Callee[];
    readonly depth: number;
}

export async function readWay(entry: WayEntry, number: number): Promise<Way> {
    const [bytes, functions] = await Promise.all([
        load(`way-${number}`),
        loadJson<readonly (readonly [string, number, number])[]>(`functions-${number}`),
    ]);
    const numbers = new Numbers(bytes);
    const column = (rising = false): Uint32Array => numbers.fill(new Uint32Array(entry.spans), rising);
    const [starts, lengths, depths, callees] = [column(true), column(), column(), column()];
    return {
        name: entry.name,
        entries: entry.entries,
        starts,
        lengths,
        depths,
        callees,
        functions: functions.map(([name, file, line]) => ({ name, file, line })),
        depth: depths.reduce((deepest, one) => Math.max(deepest, one + 1), 0),
    };
}

export interface Sum {
    readonly callee: number;
    calls: number;
    /** Entries in it and in what it called; of recursive calls only the outermost count. */
    total: number;
    /** Entries in it alone. */
    own: number;
}

/** Adds up the calls that run between two entries, as far as they do; the most of their own first. */
export function sums(way: Way, from: number, to: number): Sum[] {
    const found = way.functions.map((_, callee) => ({ callee, calls: 0, total: 0, own: 0 }));
    // Of the calls that the one at hand is within: where each ends, and its function.
    const ends: number[] = [];
    const inside: number[] = [];
    const open = new Uint32Array(way.functions.length);
    for (let call = 0; call < way.starts.length; call++) {
        const start = way.starts[call] as number;
        while (ends.length > (way.depths[call] as number)) {
            ends.pop();
            const left = inside.pop() as number;
            open[left] = (open[left] as number) - 1;
        }
        const end = start + (way.lengths[call] as number);
        const callee = way.callees[call] as number;
        const shown = Math.max(0, Math.min(end, to) - Math.max(start, from));
        const sum = found[callee] as Sum;
        if (shown > 0) {
            sum.calls++;
            sum.own += shown;
            sum.total += open[callee] === 0 ? shown : 0;
            const caller = found[inside.at(-1) ?? -1];
            if (caller !== undefined) {
                caller.own -= shown;
            }
        }
        ends.push(end);
        inside.push(callee);
        open[callee] = (open[callee] as number) + 1;
    }
    return found.filter((one) => one.calls > 0).sort((one, other) => other.own - one.own || one.callee - other.callee);
}

/** Returns the innermost call at an entry, of at most this depth; -1 if there is none. */
export function callAt(way: Way, entry: number, depth: number): number {
    let best = -1;
    for (let call = 0; call < way.starts.length && (way.starts[call] as number) <= entry; call++) {
        if ((way.starts[call] as number) + (way.lengths[call] as number) > entry && (way.depths[call] as number) <= depth) {
            best = call;
        }
    }
    return best;
}
