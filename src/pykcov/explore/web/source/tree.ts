// Files as a tree of folders.

import type { FileEntry } from "./wire";

export interface Folder {
    readonly path: string;
    readonly name: string;
    readonly folders: Map<string, Folder>;
    readonly members: number[];
    /** Sums over all files below, of which there are `files`. */
    files: number;
    known: number;
    ran: number;
    partial: number;
    unmatched: number;
}

export interface Row {
    readonly path: string;
    readonly name: string;
    readonly depth: number;
    readonly ran: number;
    /** One of the two. */
    readonly file: number | undefined;
    readonly folder: Folder | undefined;
    readonly open: boolean;
}

function emptyFolder(path: string, name: string): Folder {
    const sums = { files: 0, known: 0, ran: 0, partial: 0, unmatched: 0 };
    return { path, name, folders: new Map(), members: [], ...sums };
}

/** Returns the root; `ran`: lines of each file, `shown`: which files are in it. */
export function treeOf(files: readonly FileEntry[], ran: readonly number[], shown: readonly boolean[]): Folder {
    const root = emptyFolder("", "");
    files.forEach((file, number) => {
        if (shown[number] !== true) {
            return;
        }
        let at = root;
        const way = [root];
        const parts = file.name.split("/").slice(0, -1);
        for (const part of parts) {
            let below = at.folders.get(part);
            if (below === undefined) {
                below = emptyFolder(`${at.path}${part}/`, part);
                at.folders.set(part, below);
            }
            at = below;
            way.push(at);
        }
        at.members.push(number);
        for (const folder of way) {
            folder.files++;
            folder.known += file.known;
            folder.ran += ran[number] ?? 0;
            folder.partial += file.partial;
            folder.unmatched += file.unmatched;
        }
    });
    return root;
}

/** Returns the rows of a tree: without what is in folders of `closed`, or, if `folded`, with that alone. */
export function rows(
    root: Folder,
    files: readonly FileEntry[],
    ran: readonly number[],
    closed: ReadonlySet<string>,
    folded: boolean,
): Row[] {
    const found: Row[] = [];
    const add = (folder: Folder, depth: number): void => {
        for (let below of [...folder.folders.values()].sort((one, other) => (one.name < other.name ? -1 : 1))) {
            // Folders that hold one folder and nothing else are one row.
            let words = below.name;
            for (let only = onlyFolder(below); only !== undefined; only = onlyFolder(only)) {
                below = only;
                words += `/${only.name}`;
            }
            const open = closed.has(below.path) === (folded && depth > 0);
            found.push({
                path: below.path,
                name: `${words}/`,
                depth,
                ran: below.ran,
                file: undefined,
                folder: below,
                open,
            });
            if (open) {
                add(below, depth + 1);
            }
        }
        for (const file of folder.members) {
            found.push({
                path: files[file]?.name ?? "",
                name: files[file]?.name.split("/").at(-1) ?? "",
                depth,
                ran: ran[file] ?? 0,
                file,
                folder: undefined,
                open: false,
            });
        }
    };
    add(root, 0);
    return found;
}

function onlyFolder(folder: Folder): Folder | undefined {
    return folder.members.length === 0 && folder.folders.size === 1 ? [...folder.folders.values()][0] : undefined;
}
