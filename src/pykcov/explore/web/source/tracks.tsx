// All threads, one below the other, and the work that they handed to each other as arrows.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Clock, clocks, type Handover } from "./handovers";
import { Link } from "./link";
import type { Go, Route } from "./route";
import { counted, visible } from "./text";
import type { WayEntry } from "./wire";

const ROW = 22;
const BAR = 12;
/** Hand-overs of the table. */
const SHOWN = 50;

/** Threads that are drawn. */
const DRAWN = 500;

interface Props {
    readonly ways: readonly WayEntry[];
    readonly handovers: readonly Handover[];
    /** The thread that is looked at, and from which entry to which. */
    readonly way: number;
    readonly from: number;
    readonly to: number;
    readonly route: Route;
    readonly go: Go;
}

/** Draws all threads, each from when it could begin. */
export function Tracks({ ways: all, handovers, way, from, to, go }: Omit<Props, "route">) {
    const canvas = useRef<HTMLCanvasElement>(null);
    const [width, setWidth] = useState(0);
    const ways = useMemo(() => all.slice(0, DRAWN), [all]);
    const times = useMemo(() => clocks(all.length, handovers), [all, handovers]);
    useEffect(() => {
        const element = canvas.current as HTMLCanvasElement;
        const watch = new ResizeObserver(() => setWidth(element.clientWidth));
        watch.observe(element);
        return () => watch.disconnect();
    }, []);
    useEffect(
        () => draw(canvas.current as HTMLCanvasElement, ways, handovers, times, { way, from, to }),
        [ways, handovers, times, way, from, to, width],
    );
    return (
        <div class="tracks">
            <canvas
                ref={canvas}
                style={{ height: `${ways.length * ROW}px` }}
                aria-label={`${counted(ways.length, "thread")} and ${counted(handovers.length, "hand-over")} between them; the table of hand-overs names those of the thread that is shown.`}
                role="img"
                onClick={(event) => go({ way: Math.min(ways.length - 1, Math.floor(event.offsetY / ROW)), from: 0, to: 0 })}
            />
        </div>
    );
}

/** Lists the hand-overs of the part of a thread that is shown. */
export function HandoverTable({ ways, handovers, way, from, to, route, go }: Props) {
    const rows = handovers
        .flatMap(({ giver, given, taker, taken }) => [
            { mine: giver, entry: given - 1, word: "to", other: taker, there: taken },
            { mine: taker, entry: taken, word: "from", other: giver, there: given - 1 },
        ])
        .filter((one) => one.mine === way && one.entry >= from && one.entry < to)
        .sort((one, other) => one.entry - other.entry);
    if (rows.length === 0) {
        return null;
    }
    return (
        <table class="handovers">
            <caption>
                {rows.length > SHOWN ? `The first ${SHOWN} of ${rows.length} hand-overs` : "Hand-overs"} of this part
            </caption>
            <thead>
                <tr>
                    <th scope="col" class="number">
                        Entry
                    </th>
                    <th scope="col">Work was handed</th>
                    <th scope="col" class="number">
                        Entry there
                    </th>
                </tr>
            </thead>
            <tbody>
                {rows.slice(0, SHOWN).map((row, at) => (
                    <tr key={at}>
                        <td class="number">{row.entry}</td>
                        <th scope="row">
                            {row.word}{" "}
                            <Link route={{ ...route, way: row.other, from: 0, to: 0 }} go={go}>
                                {visible(ways[row.other]?.name ?? "")}
                            </Link>
                        </th>
                        <td class="number">{row.there}</td>
                    </tr>
                ))}
            </tbody>
        </table>
    );
}

function draw(
    canvas: HTMLCanvasElement,
    ways: readonly WayEntry[],
    handovers: readonly Handover[],
    times: readonly Clock[],
    shown: { readonly way: number; readonly from: number; readonly to: number },
): void {
    const scale = devicePixelRatio;
    const width = canvas.clientWidth;
    canvas.width = width * scale;
    canvas.height = ways.length * ROW * scale;
    const context = canvas.getContext("2d");
    if (context === null) {
        return;
    }
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const [bar, part, text, back, arrow] = dark
        ? ["#444", "#8ab8ff", "#fff", "#222", "#f0a35e"]
        : ["#ccc", "#0b57b0", "#000", "#fff", "#b04a00"];
    context.scale(scale, scale);
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    const longest = ways.reduce((most, way, at) => Math.max(most, times[at]?.end(way.entries) ?? 0), 1);
    const place = (time: number): number => (time * width) / longest;
    const middle = (way: number): number => way * ROW + ROW / 2;
    ways.forEach((way, at) => {
        const clock = times[at] as Clock;
        const fill = (from: number, to: number, colour: string): void => {
            const left = place(clock.at(from));
            context.fillStyle = colour;
            context.fillRect(left, middle(at) - BAR / 2, Math.max(1, place(clock.end(to)) - left), BAR);
        };
        for (const [from, to] of clock.parts(way.entries)) {
            fill(from, to, bar);
            if (at === shown.way && Math.max(from, shown.from) < Math.min(to, shown.to)) {
                fill(Math.max(from, shown.from), Math.min(to, shown.to), part);
            }
        }
        context.strokeStyle = back;
        context.lineWidth = 3;
        context.strokeText(visible(way.name), 4, middle(at));
        context.fillStyle = text;
        context.fillText(visible(way.name), 4, middle(at));
    });
    context.strokeStyle = context.fillStyle = arrow;
    context.lineWidth = 1;
    // What would be drawn at the same place is drawn once.
    const drawn = new Set<string>();
    for (const { giver, given, taker, taken } of handovers) {
        const [left, right] = [place(times[giver]?.end(given) ?? 0), place(times[taker]?.at(taken) ?? 0)];
        const key = [giver, taker, Math.round(left), Math.round(right)].join();
        if (giver < ways.length && taker < ways.length && !drawn.has(key)) {
            drawn.add(key);
            drawArrow(context, left, middle(giver), right, middle(taker));
        }
    }
}

function drawArrow(context: CanvasRenderingContext2D, x: number, y: number, toX: number, toY: number): void {
    const angle = Math.atan2(toY - y, toX - x);
    const wing = (turn: number): readonly [number, number] => [
        toX - 6 * Math.cos(angle + turn),
        toY - 6 * Math.sin(angle + turn),
    ];
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(toX, toY);
    context.stroke();
    context.beginPath();
    context.moveTo(toX, toY);
    context.lineTo(...wing(0.4));
    context.lineTo(...wing(-0.4));
    context.fill();
}
