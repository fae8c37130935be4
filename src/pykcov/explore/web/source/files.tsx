// The tree of files, with a bar for each.

import { useMemo, useState } from "preact/hooks";
import { ContextFilter, type ViewProps } from "./contexts";
import { type Data, useChosen } from "./data";
import { type Chosen, linesOf, type Mode } from "./filter";
import { Link } from "./link";
import { countOfBoth } from "./matrix";
import type { Route } from "./route";
import { counted, percent, visible } from "./text";
import { type Folder, type Row, rows, treeOf } from "./tree";

/** Of more files, folders below the first are closed at first. */
const UNFOLDED = 200;
/** Of the table, at first: a browser takes a millisecond for some. */
const ROWS = 400;

export function Files({ data, route, go }: ViewProps) {
    const { a, b } = useChosen(data, route);
    const filtered = route.a.trim() !== "";
    const ran = useMemo(
        () => (filtered && data.whole ? counts(data, route.mode, a, b) : data.index.files.map((file) => file.ran)),
        [data, route.mode, a, b, filtered],
    );
    const shown = useMemo(() => {
        const words = route.search.toLowerCase().split(/\s+/);
        return data.index.files.map(
            ({ name }, file) =>
                words.every((word) => name.toLowerCase().includes(word)) && (!filtered || (ran[file] as number) > 0),
        );
    }, [data, route.search, ran, filtered]);
    const tree = useMemo(() => treeOf(data.index.files, ran, shown), [data, ran, shown]);
    const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
    const toggle = (path: string): void => {
        const next = new Set(closed);
        if (!next.delete(path)) {
            next.add(path);
        }
        setClosed(next);
    };
    const listed = useMemo(
        () => rows(tree, data.index.files, ran, closed, tree.files > UNFOLDED),
        [tree, data.index.files, ran, closed],
    );
    const [most, setMost] = useState(ROWS);
    return (
        <>
            <form class="choices" onSubmit={(event) => event.preventDefault()}>
                <label class="search">
                    Search files
                    <input
                        id="search"
                        type="search"
                        value={route.search}
                        onInput={(event) => go({ search: event.currentTarget.value }, true)}
                    />
                </label>
                <ContextFilter {...{ data, route, go, a, b }} />
            </form>
            {filtered && !data.whole && data.error === "" && <p aria-live="polite">Loading…</p>}
            <table class="files">
                <caption>
                    {counted(tree.files, "file")}, {counted(tree.ran, "line")} of {tree.known.toLocaleString("en")} ran
                    {filtered ? " as chosen" : ""}
                </caption>
                <thead>
                    <tr>
                        <th scope="col">File</th>
                        <th scope="col">Ran</th>
                        <th scope="col" class="number">
                            Lines
                        </th>
                        <th scope="col" class="number">
                            Branches not taken
                        </th>
                        <th scope="col" class="number">
                            Never equal
                        </th>
                    </tr>
                </thead>
                <tbody>
                    {listed.slice(0, most).map((row) => (
                        <FileRow key={row.path} {...{ row, route, go, data }} toggle={toggle} />
                    ))}
                </tbody>
            </table>
            {listed.length > most && (
                <button type="button" onClick={() => setMost(most + 10 * ROWS)}>
                    More rows ({(listed.length - most).toLocaleString("en")} are left)
                </button>
            )}
        </>
    );
}

function counts(data: Data, mode: Mode, a: Chosen, b: Chosen): number[] {
    return data.matrices.map((matrix) =>
        matrix === undefined ? 0 : countOfBoth(linesOf(matrix, mode, a, b), matrix.known),
    );
}

function FileRow(props: ViewProps & { readonly row: Row; readonly toggle: (path: string) => void }) {
    const { row, route, go, data } = props;
    const file = row.file === undefined ? undefined : data.index.files[row.file];
    const total: Folder | undefined = row.folder;
    const known = file?.known ?? total?.known ?? 0;
    const name = visible(row.name);
    const target: Route = { ...route, view: "source", file: file?.name ?? "", line: 0 };
    return (
        <tr class={file ? "file" : "folder"}>
            <th scope="row" class={`depth-${Math.min(row.depth, 12)}`}>
                {file ? (
                    <Link route={target} go={go}>
                        {name}
                    </Link>
                ) : (
                    <button type="button" aria-expanded={row.open} onClick={() => props.toggle(row.path)}>
                        {name}
                    </button>
                )}
                {file && file.remark !== "" && (
                    <span class="remark" title={visible(file.remark)} aria-label={visible(file.remark)} role="img">
                        ⚠
                    </span>
                )}
            </th>
            <td class="bar">
                <progress max={Math.max(known, 1)} value={row.ran} aria-label={`${name}: lines that ran`} />
                <span>{percent(row.ran, known)}</span>
            </td>
            <td class="number">
                {row.ran.toLocaleString("en")} / {known.toLocaleString("en")}
            </td>
            <td class="number">{(file?.partial ?? total?.partial) || ""}</td>
            <td class="number">{(file?.unmatched ?? total?.unmatched) || ""}</td>
        </tr>
    );
}
