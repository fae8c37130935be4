// The form that chooses contexts.

import type { Data } from "./data";
import type { Chosen } from "./filter";
import { MODES, type Mode } from "./filter";
import type { Go, Route } from "./route";
import { counted, visible } from "./text";

export interface ViewProps {
    readonly data: Data;
    readonly route: Route;
    readonly go: Go;
}

const NAMED = 5;

/** Chooses contexts A. */
export function ContextFilter({ data, route, go, a, b }: ViewProps & { readonly a: Chosen; readonly b: Chosen }) {
    return (
        <fieldset class="filter">
            <legend>Contexts</legend>
            <Patterns name="A" value={route.a} chosen={a} data={data} set={(text) => go({ a: text }, true)} />
            <label>
                Lines
                <select
                    id="mode"
                    value={route.mode}
                    onChange={(event) => go({ mode: event.currentTarget.value as Mode }, true)}
                >
                    {Object.entries(MODES).map(([mode, words]) => (
                        <option key={mode} value={mode}>
                            {words}
                        </option>
                    ))}
                </select>
            </label>
            {route.mode === "minus" && (
                <Patterns name="B" value={route.b} chosen={b} data={data} set={(text) => go({ b: text }, true)} />
            )}
        </fieldset>
    );
}

export function Patterns(props: {
    readonly name: string;
    readonly value: string;
    readonly chosen: Chosen;
    readonly data: Data;
    readonly set: (text: string) => void;
}) {
    const { contexts } = props.data.index;
    const id = `contexts-${props.name.toLowerCase()}`;
    const first: string[] = [];
    for (let at = 0; at < contexts.length && first.length < NAMED; at++) {
        if (props.chosen.wanted[at] === 1) {
            first.push(visible(contexts[at] || "(outside)"));
        }
    }
    return (
        <div class="patterns">
            <label for={id}>{props.name}: patterns, one a line</label>
            <textarea
                id={id}
                rows={2}
                spellcheck={false}
                placeholder="*test_name*  or  :failed"
                aria-describedby={`${id}-count`}
                value={props.value}
                onInput={(event) => props.set(event.currentTarget.value)}
            />
            <p id={`${id}-count`} class="chosen" aria-live="polite">
                {props.value.trim() === ""
                    ? `${counted(contexts.length, "context")} in all`
                    : `${counted(props.chosen.count, "context")}${first.length > 0 ? `: ${first.join(", ")}` : ""}${
                          props.chosen.count > first.length ? ", …" : ""
                      }`}
            </p>
        </div>
    );
}
