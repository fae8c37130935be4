// Work that threads handed to each other, and times that agree with it.

import { load, Numbers } from "./wire";

/** What the giver did before it is earlier than what the taker did afterwards. */
export interface Handover {
    /** Index of the way that handed work over, and how many entries it had by then. */
    readonly giver: number;
    readonly given: number;
    /** Index of the way that did the work, and the entry that it did so from. */
    readonly taker: number;
    readonly taken: number;
}

export async function readHandovers(count: number): Promise<readonly Handover[]> {
    const numbers = new Numbers(await load("handovers"));
    const column = (): Uint32Array => numbers.fill(new Uint32Array(count));
    const [givers, given, takers, taken] = [column(), column(), column(), column()];
    return Array.from(givers, (giver, at) => ({
        giver,
        given: given[at] as number,
        taker: takers[at] as number,
        taken: taken[at] as number,
    }));
}

/** The times of the entries of a way: their numbers, and later where it could not go on before another way had. */
export class Clock {
    /** Entries before which it waits, ascending, and how much later than their numbers those from there on are. */
    readonly #waits: { readonly entry: number; readonly later: number }[] = [];

    /** When an entry begins. */
    at(entry: number): number {
        let low = 0;
        let high = this.#waits.length;
        while (low < high) {
            const middle = (low + high) >> 1;
            if ((this.#waits[middle]?.entry ?? 0) <= entry) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return entry + (this.#waits[low - 1]?.later ?? 0);
    }

    /** When the first so many entries are over. */
    end(entries: number): number {
        return entries === 0 ? 0 : this.at(entries - 1) + 1;
    }

    wait(entry: number, until: number): void {
        if (this.at(entry) < until) {
            this.#waits.push({ entry, later: until - entry });
        }
    }

    /** The parts of so many entries between two waits: first entry, and the one behind the last. */
    parts(entries: number): (readonly [number, number])[] {
        const ends = [...this.#waits.map((one) => one.entry), entries];
        return [0, ...ends.slice(0, -1)].map((from, at) => [from, ends[at] as number] as const).filter(([from, to]) => from < to);
    }
}

/** Returns the clocks of so many ways. Hand-overs are in an order in which they can have happened. */
export function clocks(ways: number, handovers: readonly Handover[]): readonly Clock[] {
    const found = Array.from({ length: ways }, () => new Clock());
    for (const { giver, given, taker, taken } of handovers) {
        found[taker]?.wait(taken, found[giver]?.end(given) ?? 0);
    }
    return found;
}
