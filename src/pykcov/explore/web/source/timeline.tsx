// The way of one thread: calls within each other, by number of the entry at which they begin.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ViewProps } from "./contexts";
import { useAsked } from "./data";
import { download, perfetto, speedscope } from "./exports";
import { readHandovers } from "./handovers";
import { Link } from "./link";
import { counted, visible } from "./text";
import { HandoverTable, Tracks } from "./tracks";
import { callAt, readWay, sums, type Way } from "./way";

const ROW = 18;
const NARROW = 40;
/** Functions of the table. */
const SHOWN = 50;

export function Timeline(props: ViewProps) {
    const { data, route, go } = props;
    const { ways } = data.index;
    const number = Math.min(route.way, ways.length - 1);
    const entry = ways[number];
    const asked = useAsked(`way-${number}`, async () => (entry === undefined ? undefined : readWay(entry, number)));
    const handovers = useAsked("handovers", () => readHandovers(data.index.handovers));
    if (entry === undefined) {
        return (
            <p>
                No trace here has the order in which code ran: <code>pykcov run --mode pc</code> records it.
            </p>
        );
    }
    const save = async (name: string, as: typeof perfetto): Promise<void> => {
        const [all, found] = await Promise.all([
            Promise.all(ways.map(readWay)),
            readHandovers(data.index.handovers),
        ]);
        download(name, as({ ways: all, handovers: found, files: data.index.files.map((file) => file.name) }));
    };
    const shown = { way: number, from: route.from, to: route.to || entry.entries };
    const between =
        handovers.value !== undefined && ways.length > 1
            ? { ...shown, ways, handovers: handovers.value, route, go }
            : undefined;
    return (
        <>
            <div class="bars">
                <label>
                    Thread
                    <select
                        id="way"
                        value={number}
                        onChange={(event) => go({ way: Number(event.currentTarget.value), from: 0, to: 0 })}
                    >
                        {ways.map((way, at) => (
                            <option key={at} value={at}>
                                {visible(way.name)}: {counted(way.entries, "entry", "entries")}
                            </option>
                        ))}
                    </select>
                </label>
                <button type="button" onClick={() => save("pykcov.perfetto.json", perfetto)}>
                    Save for Perfetto
                </button>
                <button type="button" onClick={() => save("pykcov.speedscope.json", speedscope)}>
                    Save for speedscope
                </button>
            </div>
            <p class="guessed">
                The unit is an entry of the trace, not time. Ends of calls are guessed: a trace has none, so a call ends
                where its caller goes on. In which order threads ran is known only where one handed work to another.
            </p>
            {entry.dropped > 0 && (
                <p class="warning">
                    ⚠ {counted(entry.dropped, "entry", "entries")} behind these did not fit into the buffer.
                </p>
            )}
            {asked.error + handovers.error !== "" && <p role="alert">{asked.error || handovers.error}</p>}
            {between !== undefined && <Tracks {...between} />}
            {asked.value === undefined ? (
                asked.error === "" && <p aria-live="polite">Loading…</p>
            ) : (
                <Track {...props} way={asked.value} key={number} />
            )}
            {between !== undefined && <HandoverTable {...between} />}
        </>
    );
}

function Track({ data, route, go, way }: ViewProps & { readonly way: Way }) {
    const canvas = useRef<HTMLCanvasElement>(null);
    const [selected, select] = useState(-1);
    const [width, setWidth] = useState(0);
    const to = Math.min(route.to || way.entries, way.entries);
    const from = Math.min(route.from, Math.max(0, to - 1));
    const summed = useMemo(() => sums(way, from, to), [way, from, to]);
    useEffect(() => {
        const element = canvas.current as HTMLCanvasElement;
        const watch = new ResizeObserver(() => setWidth(element.clientWidth));
        watch.observe(element);
        return () => watch.disconnect();
    }, []);
    useEffect(() => draw(canvas.current as HTMLCanvasElement, way, from, to, selected), [way, from, to, selected, width]);

    const show = (start: number, length: number): void => {
        const most = Math.max(1, Math.min(way.entries, Math.round(length)));
        const first = Math.max(0, Math.min(way.entries - most, Math.round(start)));
        go({ from: first, to: first + most }, true);
    };
    const zoom = (factor: number, centre = (from + to) / 2): void =>
        show(centre - (centre - from) * factor, Math.max(10, (to - from) * factor));
    const entryAt = (event: MouseEvent): number =>
        from + ((to - from) * event.offsetX) / (canvas.current as HTMLCanvasElement).clientWidth;
    const keys: Readonly<Record<string, () => void>> = {
        ArrowLeft: () => show(from - (to - from) / 4, to - from),
        ArrowRight: () => show(from + (to - from) / 4, to - from),
        "+": () => zoom(0.5),
        "-": () => zoom(2),
        "0": () => show(0, way.entries),
        Home: () => show(0, to - from),
        End: () => show(way.entries, to - from),
        ArrowDown: () => select(Math.min(way.starts.length - 1, Math.max(selected + 1, firstFrom(way, from)))),
        ArrowUp: () => select(Math.max(0, selected - 1)),
        Enter: () => selected >= 0 && show(way.starts[selected] as number, way.lengths[selected] as number),
    };
    const drag = useRef<{ readonly x: number; readonly from: number } | null>(null);
    const callee = way.functions[way.callees[selected] ?? -1];
    const file = data.index.files[callee?.file ?? -1];
    return (
        <div class="timeline">
            <canvas
                ref={canvas}
                tabIndex={0}
                role="application"
                aria-label={`Calls of ${way.name}, entries ${from} to ${to}. Arrow keys move and select, plus and minus zoom, 0 shows all, Enter shows the selected call.`}
                onKeyDown={(event) => {
                    const key = keys[event.key];
                    if (key !== undefined && !event.ctrlKey && !event.metaKey) {
                        event.preventDefault();
                        key();
                    }
                }}
                onWheel={(event) => {
                    event.preventDefault();
                    zoom(event.deltaY > 0 ? 1.25 : 0.8, entryAt(event));
                }}
                onPointerDown={(event) => {
                    event.currentTarget.setPointerCapture(event.pointerId);
                    drag.current = { x: event.offsetX, from };
                }}
                onPointerMove={(event) => {
                    if (drag.current !== null) {
                        const moved = ((event.offsetX - drag.current.x) * (to - from)) / event.currentTarget.clientWidth;
                        if (Math.abs(moved) >= 1) {
                            show(drag.current.from - moved, to - from);
                        }
                    }
                }}
                onPointerUp={() => {
                    drag.current = null;
                }}
                onClick={(event) => select(callAt(way, Math.floor(entryAt(event)), Math.floor(event.offsetY / ROW)))}
                onDblClick={keys.Enter}
            />
            <p class="call" aria-live="polite">
                Entries {from.toLocaleString("en")} to {to.toLocaleString("en")} of {way.entries.toLocaleString("en")}.{" "}
                {callee !== undefined && (
                    <>
                        <b>{visible(callee.name)}</b>, entries {way.starts[selected]} to{" "}
                        {(way.starts[selected] ?? 0) + (way.lengths[selected] ?? 0)}
                        {file !== undefined && (
                            <>
                                {", "}
                                <Link route={{ ...route, view: "source", file: file.name, line: callee.line }} go={go}>
                                    {visible(file.name)}:{callee.line}
                                </Link>
                            </>
                        )}
                    </>
                )}
            </p>
            <table class="functions">
                <caption>Functions of this part, by the entries of their own</caption>
                <thead>
                    <tr>
                        <th scope="col">Function</th>
                        <th scope="col" class="number">
                            Calls
                        </th>
                        <th scope="col" class="number">
                            Entries
                        </th>
                        <th scope="col" class="number">
                            Of its own
                        </th>
                    </tr>
                </thead>
                <tbody>
                    {summed.slice(0, SHOWN).map((sum) => {
                        const one = way.functions[sum.callee];
                        const name = data.index.files[one?.file ?? -1]?.name;
                        return (
                            <tr key={sum.callee}>
                                <th scope="row">
                                    {name === undefined || one === undefined ? (
                                        visible(one?.name ?? "")
                                    ) : (
                                        <Link route={{ ...route, view: "source", file: name, line: one.line }} go={go}>
                                            {visible(one.name)}
                                        </Link>
                                    )}
                                </th>
                                <td class="number">{sum.calls}</td>
                                <td class="number">{sum.total}</td>
                                <td class="number">{sum.own}</td>
                            </tr>
                        );
                    })}
                </tbody>
            </table>
        </div>
    );
}

function firstFrom(way: Way, entry: number): number {
    return Math.max(0, way.starts.findIndex((start) => start >= entry));
}

function draw(canvas: HTMLCanvasElement, way: Way, from: number, to: number, selected: number): void {
    const scale = devicePixelRatio;
    const width = canvas.clientWidth;
    canvas.width = width * scale;
    canvas.height = canvas.clientHeight * scale;
    const context = canvas.getContext("2d");
    if (context === null) {
        return;
    }
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    context.scale(scale, scale);
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    const perEntry = width / (to - from);
    // Up to where something is drawn, by depth: what is narrower than a pixel is drawn once for many.
    const drawn = new Float64Array(way.depth).fill(-1);
    const rows = Math.ceil(canvas.clientHeight / ROW);
    for (let call = 0; call < way.starts.length; call++) {
        const start = way.starts[call] as number;
        if (start >= to) {
            break;
        }
        const end = start + (way.lengths[call] as number);
        const depth = way.depths[call] as number;
        const right = Math.min(width, (end - from) * perEntry);
        if (end <= from || depth >= rows || right <= (drawn[depth] as number)) {
            continue;
        }
        const left = Math.max(0, (start - from) * perEntry);
        const wide = Math.max(1, right - left);
        drawn[depth] = Math.ceil(left + wide);
        const callee = way.callees[call] as number;
        context.fillStyle = call === selected ? (dark ? "#8ab8ff" : "#0b57b0") : colour(callee, dark);
        context.fillRect(left, depth * ROW, wide > 3 ? wide - 0.5 : wide, ROW - 1);
        if (wide > NARROW) {
            context.save();
            context.beginPath();
            context.rect(left, depth * ROW, wide - 4, ROW);
            context.clip();
            context.fillStyle = (call === selected) === dark ? "#000" : dark ? "#fff" : call === selected ? "#fff" : "#000";
            context.fillText(visible(way.functions[callee]?.name ?? ""), left + 4, depth * ROW + ROW / 2);
            context.restore();
        }
    }
}

function colour(callee: number, dark: boolean): string {
    return `hsl(${(callee * 137.5) % 360} 45% ${dark ? 28 : 80}%)`;
}
