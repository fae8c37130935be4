// What the page has loaded: the index at once, the packs behind it, details of a file when it is looked at.

import { useEffect, useMemo, useState } from "preact/hooks";
import { choose, type Chosen } from "./filter";
import { Matrix } from "./matrix";
import type { Route } from "./route";
import { type Detail, type Index, load, loadJson, Numbers } from "./wire";

/** Of each file, in the order of the index; those that are not loaded yet are missing. */
export type Matrices = readonly (Matrix | undefined)[];

export interface Data {
    readonly index: Index;
    readonly failed: ReadonlySet<number>;
    readonly matrices: Matrices;
    /** Whether all matrices are there. */
    readonly whole: boolean;
    readonly error: string;
}

/** Loads all packs, one after the other, and shows what is there after some time, and at the end. */
export function useData(index: Index): Data {
    const failed = useMemo(() => new Set(index.failed), [index]);
    const [state, setState] = useState<Pick<Data, "matrices" | "whole" | "error">>({
        matrices: [],
        whole: index.packs === 0,
        error: "",
    });
    useEffect(() => {
        readPacks(index.packs).then(
            (matrices) => setState({ matrices, whole: true, error: "" }),
            (error: unknown) => setState({ matrices: [], whole: false, error: String(error) }),
        );
    }, [index]);
    return { index, failed, ...state };
}

async function readPacks(packs: number): Promise<Matrices> {
    const names = Array.from({ length: packs }, (_, number) => `pack-${number}`);
    const found = await Promise.all(names.map(load));
    return found.flatMap((bytes) => {
        const numbers = new Numbers(bytes);
        return Array.from({ length: numbers.next() }, () => Matrix.read(numbers));
    });
}

export type Asked<T> = { readonly value: T | undefined; readonly error: string };

/** Loads something, again when `key` changes. */
export function useAsked<T>(key: string, ask: () => Promise<T>): Asked<T> {
    const [state, setState] = useState<Asked<T> & { readonly key: string }>({ key: "", value: undefined, error: "" });
    useEffect(() => {
        let current = true;
        ask().then(
            (value) => current && setState({ key, value, error: "" }),
            (error: unknown) => current && setState({ key, value: undefined, error: String(error) }),
        );
        return () => {
            current = false;
        };
    }, [key]);
    return state.key === key ? state : { value: undefined, error: "" };
}

export function detail(file: number): Promise<Detail> {
    return loadJson<Detail>(`file-${file}`);
}

/** The contexts that the patterns of the route choose. */
export function useChosen(data: Data, route: Route): { readonly a: Chosen; readonly b: Chosen } {
    const { contexts } = data.index;
    const a = useMemo(() => choose(contexts, data.failed, route.a), [contexts, data.failed, route.a]);
    const b = useMemo(() => choose(contexts, data.failed, route.b), [contexts, data.failed, route.b]);
    return { a, b };
}
