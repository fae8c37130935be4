// What is shown, as the fragment of the address, so that it can be sent to somebody.

import { useEffect, useRef, useState } from "preact/hooks";
import { MODES, type Mode } from "./filter";

export const VIEWS = ["files", "source", "difference", "timeline"] as const;
export type View = (typeof VIEWS)[number];

export interface Route {
    readonly view: View;
    readonly search: string;
    readonly mode: Mode;
    /** Patterns of contexts, one a line. */
    readonly a: string;
    readonly b: string;
    /** The name of a file. */
    readonly file: string;
    /** 0 for none. */
    readonly line: number;
    readonly way: number;
    /** The part of a timeline that is shown, in entries; an end of 0 is that of the timeline. */
    readonly from: number;
    readonly to: number;
}

const START: Route = {
    view: "files",
    search: "",
    mode: "any",
    a: "",
    b: "",
    file: "",
    line: 0,
    way: 0,
    from: 0,
    to: 0,
};

export function parse(fragment: string): Route {
    const found = new URLSearchParams(fragment.replace(/^#/, ""));
    const text = (name: keyof Route): string => found.get(name) ?? "";
    const number = (name: keyof Route): number => {
        const value = Number(found.get(name));
        return Number.isSafeInteger(value) && value > 0 ? value : 0;
    };
    const view = VIEWS.find((one) => one === found.get("view")) ?? START.view;
    const mode = text("mode");
    return {
        view,
        search: text("search"),
        mode: Object.hasOwn(MODES, mode) ? (mode as Mode) : START.mode,
        a: text("a"),
        b: text("b"),
        file: text("file"),
        line: number("line"),
        way: number("way"),
        from: number("from"),
        to: number("to"),
    };
}

export function fragment(route: Route): string {
    const words = Object.entries(route).filter(([name, value]) => value !== START[name as keyof Route]);
    return `#${new URLSearchParams(words.map(([name, value]) => [name, String(value)]))}`;
}

export type Go = (change: Partial<Route>, replace?: boolean) => void;

/** Returns what is shown, and what shows something else; `replace`: without a step to come back to. */
export function useRoute(): [Route, Go] {
    const [route, setRoute] = useState(() => parse(location.hash));
    // Not what the address says: browsers put off its changes if somebody types fast.
    const current = useRef(route);
    useEffect(() => {
        const follow = (): void => setRoute((current.current = parse(location.hash)));
        addEventListener("hashchange", follow);
        return () => removeEventListener("hashchange", follow);
    }, []);
    const go: Go = (change, replace = false) => {
        current.current = { ...current.current, ...change };
        history[replace ? "replaceState" : "pushState"](null, "", fragment(current.current));
        setRoute(current.current);
    };
    return [route, go];
}
