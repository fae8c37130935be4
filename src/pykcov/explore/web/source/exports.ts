// The ways of all threads as other programs read them. An entry of the trace takes a microsecond there.

import { type Clock, clocks, type Handover } from "./handovers";
import type { Way } from "./way";

export interface Ways {
    readonly ways: readonly Way[];
    readonly handovers: readonly Handover[];
    /** Names by index. */
    readonly files: readonly string[];
}

/** The JSON of Chrome's trace events, which Perfetto opens. Hand-overs are flows there. */
export function perfetto({ ways, handovers, files }: Ways): string[] {
    const times = clocks(ways.length, handovers);
    const parts = ['{"traceEvents":[\n'];
    ways.forEach((way, track) => {
        const thread = { pid: 1, tid: track + 1 };
        parts.push(JSON.stringify({ ph: "M", name: "thread_name", ...thread, args: { name: way.name } }));
        const functions = way.functions.map(({ name, file, line }) => {
            const place = { file: files[file] ?? "", line };
            return JSON.stringify({ ph: "X", name, ...thread, args: place }).slice(0, -1);
        });
        const clock = times[track] as Clock;
        way.starts.forEach((start, call) => {
            const from = clock.at(start);
            const lasts = clock.end(start + (way.lengths[call] as number)) - from;
            parts.push(`,\n${functions[way.callees[call] as number]},"ts":${from},"dur":${lasts}}`);
        });
        parts.push(track + 1 < ways.length ? ",\n" : "");
    });
    handovers.forEach(({ giver, given, taker, taken }, id) => {
        const flow = { name: "hand-over", cat: "hand-over", id, pid: 1 };
        const from = { ...flow, ph: "s", tid: giver + 1, ts: times[giver]?.at(given - 1) };
        const to = { ...flow, ph: "f", bp: "e", tid: taker + 1, ts: times[taker]?.at(taken) };
        parts.push(`,\n${JSON.stringify(from)},\n${JSON.stringify(to)}`);
    });
    parts.push("\n]}\n");
    return parts;
}

/** speedscope's own format, with an evented profile for each thread. */
export function speedscope({ ways, files }: Ways): string[] {
    const frames: object[] = [];
    const profiles = ways.map((way) => {
        const first = frames.length;
        for (const { name, file, line } of way.functions) {
            frames.push({ name, file: files[file] ?? "", line });
        }
        const events: string[] = [];
        // Calls that have not ended: frame, and where each ends.
        const open: [number, number][] = [];
        const close = (depth: number): void => {
            while (open.length > depth) {
                const [frame, at] = open.pop() as [number, number];
                events.push(`{"type":"C","frame":${frame},"at":${at}}`);
            }
        };
        way.starts.forEach((start, call) => {
            close(way.depths[call] as number);
            const frame = first + (way.callees[call] as number);
            events.push(`{"type":"O","frame":${frame},"at":${start}}`);
            open.push([frame, start + (way.lengths[call] as number)]);
        });
        close(0);
        const head = { type: "evented", name: way.name, unit: "none", startValue: 0, endValue: way.entries };
        return `${JSON.stringify(head).slice(0, -1)},"events":[${events.join(",\n")}]}`;
    });
    const schema = "https://www.speedscope.app/file-format-schema.json";
    return [
        `{"$schema":"${schema}","exporter":"pykcov","shared":{"frames":${JSON.stringify(frames)}},"profiles":[`,
        profiles.join(",\n"),
        "]}\n",
    ];
}

export function download(name: string, parts: string[]): void {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(parts, { type: "application/json" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
