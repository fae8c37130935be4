// Who ran a line: the first few names, and all on demand.

import { useState } from "preact/hooks";
import type { ViewProps } from "./contexts";
import { Link } from "./link";
import type { Matrix } from "./matrix";
import { counted, visible } from "./text";

const FIRST = 8;
const MORE = 1000;

export function Who({ data, route, go, matrix, line }: ViewProps & { readonly matrix: Matrix; readonly line: number }) {
    const [shown, setShown] = useState(FIRST);
    const contexts = matrix.who(line);
    return (
        <section>
            <h3>
                Line {line}: {contexts.length === 0 ? "nobody ran it" : `${counted(contexts.length, "context")} ran it`}
            </h3>
            <ul class="who">
                {contexts.slice(0, shown).map((context) => {
                    const name = data.index.contexts[context] ?? "";
                    return (
                        <li key={context} class={data.failed.has(context) ? "failed" : ""}>
                            <Link route={{ ...route, mode: "any", a: name }} go={go}>
                                {visible(name || "(outside)")}
                            </Link>
                            {data.failed.has(context) && " failed"}
                        </li>
                    );
                })}
            </ul>
            {contexts.length > shown && (
                <button type="button" class="more" onClick={() => setShown(shown + MORE)}>
                    {contexts.length - shown > MORE ? `${MORE} more` : `All ${contexts.length}`}
                </button>
            )}
        </section>
    );
}
