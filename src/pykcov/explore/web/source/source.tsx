// A source file: each line with who ran it, where it never went, and what was compared there.

import { useEffect, useMemo, useRef } from "preact/hooks";
import { Compare } from "./compared";
import { ContextFilter, type ViewProps } from "./contexts";
import { type Asked, detail, useAsked, useChosen } from "./data";
import { linesOf } from "./filter";
import { highlight, type Token } from "./highlight";
import { Link } from "./link";
import { type Bits, has, type Matrix } from "./matrix";
import { counted, visible } from "./text";
import type { Compared, Detail } from "./wire";
import { Who } from "./who";

/** Lines that are shown at a time. */
const PAGE = 4000;
/** Characters of a line. */
const WIDTH = 2000;

export function SourceView({ data, route, go }: ViewProps) {
    const { a, b } = useChosen(data, route);
    const file = data.index.files.findIndex((one) => one.name === route.file);
    const asked: Asked<Detail> = useAsked(`file-${file}`, () => detail(file));
    const matrix = data.matrices[file];
    if (file < 0) {
        return <p role="alert">There is no file {visible(route.file)} here.</p>;
    }
    const entry = data.index.files[file];
    const chosen = route.a.trim() !== "" && matrix !== undefined ? linesOf(matrix, route.mode, a, b) : null;
    return (
        <>
            <h2>{visible(route.file)}</h2>
            {entry !== undefined && entry.remark !== "" && <p class="warning">⚠ {visible(entry.remark)}</p>}
            <details class="choices" open={route.a !== ""}>
                <summary>Choose contexts</summary>
                <ContextFilter {...{ data, route, go, a, b }} />
            </details>
            {asked.error !== "" && <p role="alert">{asked.error}</p>}
            {asked.value !== undefined && matrix !== undefined ? (
                <Text {...{ data, route, go, matrix, chosen }} detail={asked.value} />
            ) : (
                asked.error === "" && data.error === "" && <p aria-live="polite">Loading…</p>
            )}
        </>
    );
}

interface TextProps extends ViewProps {
    readonly matrix: Matrix;
    readonly detail: Detail;
    /** The lines that the chosen contexts ran; null if none are chosen. */
    readonly chosen: Bits | null;
}

function Text(props: TextProps) {
    const { route, go, matrix, detail } = props;
    const counts = useMemo(() => matrix.counts(), [matrix]);
    const length = Math.max(detail.text.length, detail.text.length === 0 ? matrix.words * 32 - 1 : 0);
    const tokens = useMemo(() => highlight(route.file, detail.text.map(shorten)), [detail]);
    const compared = useMemo(() => Map.groupBy(detail.compared, (one) => one.line), [detail]);
    const first = Math.floor(Math.max(0, Math.min(route.line, length) - 1) / PAGE) * PAGE;
    const numbers = Array.from({ length: Math.max(0, Math.min(PAGE, length - first)) }, (_, at) => first + at + 1).filter(
        // Of a source that is gone only lines of which something is known.
        (line) => detail.text.length > 0 || has(matrix.known, line) || (counts[line] ?? 0) > 0 || compared.has(line),
    );
    const list = useRef<HTMLOListElement>(null);
    useEffect(() => {
        list.current?.querySelector(`[data-line="${route.line}"]`)?.scrollIntoView({ block: "nearest" });
    }, [route.line, matrix]);
    const move = (event: KeyboardEvent): void => {
        const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20 }[event.key];
        if (step !== undefined && event.target instanceof HTMLButtonElement) {
            event.preventDefault();
            const here = numbers.indexOf(Number(event.target.dataset.line));
            const there = numbers[Math.max(0, Math.min(numbers.length - 1, here + step))];
            go({ line: there ?? 0 }, true);
            list.current?.querySelector<HTMLButtonElement>(`[data-line="${there}"]`)?.focus();
        }
    };
    return (
        <div class="source">
            <div class="text">
                {length > PAGE && (
                    <nav aria-label="Pages of the file" class="pages">
                        {Array.from({ length: Math.ceil(length / PAGE) }, (_, page) => (
                            <Link
                                key={page}
                                route={{ ...route, line: page * PAGE + 1 }}
                                go={go}
                                current={page * PAGE === first}
                            >
                                {page * PAGE + 1}
                            </Link>
                        ))}
                    </nav>
                )}
                <ol ref={list} onKeyDown={move} aria-label="Source">
                    {numbers.map((line) => (
                        <Line
                            key={line}
                            line={line}
                            tokens={tokens[line - 1] ?? []}
                            count={counts[line] ?? 0}
                            state={stateOf(line, props, counts)}
                            partial={detail.partial[line] !== undefined}
                            compared={compared.get(line)}
                            selected={line === route.line}
                            focusable={line === route.line || (route.line === 0 && line === numbers[0])}
                            select={() => go({ line }, true)}
                        />
                    ))}
                </ol>
            </div>
            {route.line > 0 && (
                <aside aria-label={`Line ${route.line}`}>
                    <Who {...props} line={route.line} key={route.line} />
                    {(detail.partial[route.line] ?? []).length > 0 && (
                        <section>
                            <h4>Missed branches and conditions</h4>
                            <ul class="partial">
                                {detail.partial[route.line]?.map((where) => <li key={where}>{visible(where)}</li>)}
                            </ul>
                        </section>
                    )}
                    {compared.get(route.line)?.map((one, at) => <Compare key={at} compared={one} />)}
                </aside>
            )}
        </div>
    );
}

type State = "" | "ran" | "missing" | "other";

function stateOf(line: number, { matrix, chosen }: TextProps, counts: Uint32Array): State {
    if (!has(matrix.known, line)) {
        return "";
    }
    const ran = (counts[line] ?? 0) > 0;
    if (chosen !== null && ran) {
        return has(chosen, line) ? "ran" : "other";
    }
    return ran ? "ran" : "missing";
}

const STATES: Readonly<Record<State, string>> = {
    "": "not counted",
    ran: "ran",
    missing: "did not run",
    other: "ran, not as chosen",
};

interface LineProps {
    readonly line: number;
    readonly tokens: readonly Token[];
    readonly count: number;
    readonly state: State;
    readonly partial: boolean;
    readonly compared: readonly Compared[] | undefined;
    readonly selected: boolean;
    readonly focusable: boolean;
    readonly select: () => void;
}

function Line(props: LineProps) {
    const { line, count, state, partial } = props;
    const unmatched = props.compared?.filter((one) => one.matched === 0) ?? [];
    const words = [
        `Line ${line}`,
        STATES[state],
        ...(count > 0 ? [counted(count, "context")] : []),
        ...(partial ? ["a branch was not taken"] : []),
        ...(unmatched.length > 0 ? ["operands were never equal"] : []),
    ];
    const beside = unmatched[0]?.pairs[0];
    return (
        <li class={`${state} ${props.selected ? "selected" : ""}`}>
            <button
                type="button"
                data-line={line}
                tabIndex={props.focusable ? 0 : -1}
                aria-label={words.join(", ")}
                aria-pressed={props.selected}
                onClick={props.select}
            >
                <span class="line">{line}</span>
                <span class="count">{count > 0 ? count : ""}</span>
                <span class="mark">{partial ? "◐" : ""}</span>
                <span class="mark">{unmatched.length > 0 ? "≠" : props.compared !== undefined ? "=" : ""}</span>
            </button>
            <code>
                {props.tokens.map(([kind, text], at) =>
                    kind === "" ? (
                        visible(text)
                    ) : (
                        <span key={at} class={kind}>
                            {visible(text)}
                        </span>
                    ),
                )}
            </code>
            {beside !== undefined && (
                <span class="beside">
                    never equal: {visible(beside[0])}, {visible(beside[1])}
                </span>
            )}
        </li>
    );
}

function shorten(line: string): string {
    return line.length <= WIDTH ? line : `${line.slice(0, WIDTH)} … (${line.length - WIDTH} characters more)`;
}
