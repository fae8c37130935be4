// Two sets of contexts: which lines tell them apart.

import { useMemo } from "preact/hooks";
import { Patterns, type ViewProps } from "./contexts";
import { detail, useAsked, useChosen } from "./data";
import { rank } from "./ochiai";
import { Link } from "./link";
import { counted, visible } from "./text";

const SHOWN = 100;

export function Difference({ data, route, go }: ViewProps) {
    const { a, b } = useChosen(data, route);
    const ready = data.whole && a.count > 0 && b.count > 0;
    const ranked = useMemo(
        () => (ready ? rank(data.matrices, a, b, SHOWN) : []),
        [data, a, b, ready],
    );
    const files = [...new Set(ranked.map((one) => one.file))];
    const texts = useAsked(files.join(), async () => {
        const details = await Promise.all(files.map(detail));
        return new Map(files.map((file, at) => [file, details[at]?.text ?? []]));
    });
    return (
        <>
            <form class="choices" onSubmit={(event) => event.preventDefault()}>
                <fieldset class="filter">
                    <legend>What A ran that B did not, as failed tests against passed ones</legend>
                    <Patterns name="A" value={route.a} chosen={a} data={data} set={(text) => go({ a: text }, true)} />
                    <Patterns name="B" value={route.b} chosen={b} data={data} set={(text) => go({ b: text }, true)} />
                    <div class="buttons">
                        <button type="button" onClick={() => go({ a: route.b, b: route.a })}>
                            Exchange A and B
                        </button>
                        {data.failed.size > 0 && (
                            <button type="button" onClick={() => go({ a: ":failed", b: ":passed" })}>
                                Failed against passed
                            </button>
                        )}
                    </div>
                </fieldset>
            </form>
            {!data.whole && data.error === "" && <p aria-live="polite">Loading…</p>}
            {data.whole && !ready && <p>Choose contexts for both A and B.</p>}
            {ready && (
                <table class="ranked">
                    <caption>
                        {ranked.length === SHOWN ? `The first ${SHOWN} lines` : counted(ranked.length, "line")}, by
                        Ochiai's coefficient: 1 where all of A and none of B ran the line. Lines that the same contexts ran
                        stand together.
                    </caption>
                    <thead>
                        <tr>
                            <th scope="col" class="number">
                                Rank
                            </th>
                            <th scope="col" class="number">
                                Ochiai
                            </th>
                            <th scope="col" class="number">
                                A
                            </th>
                            <th scope="col" class="number">
                                B
                            </th>
                            <th scope="col">Line</th>
                            <th scope="col">Source</th>
                        </tr>
                    </thead>
                    <tbody>
                        {ranked.map((one, at) => {
                            const name = data.index.files[one.file]?.name ?? "";
                            return (
                                <tr key={at}>
                                    <td class="number">{one.rank}</td>
                                    <td class="number">{one.suspicion.toFixed(3)}</td>
                                    <td class="number">
                                        {one.inA} / {a.count}
                                    </td>
                                    <td class="number">
                                        {one.inB} / {b.count}
                                    </td>
                                    <th scope="row">
                                        <Link route={{ ...route, view: "source", file: name, line: one.line }} go={go}>
                                            {visible(name)}:{one.line}
                                        </Link>
                                    </th>
                                    <td>
                                        <code>{visible((texts.value?.get(one.file)?.[one.line - 1] ?? "").slice(0, 200))}</code>
                                    </td>
                                </tr>
                            );
                        })}
                    </tbody>
                </table>
            )}
        </>
    );
}
