// Reads what pykcov/explore/pack.py writes: scripts that hand over text, which is base64 of raw deflate.

/** What data/index.js holds. */
export interface Index {
    readonly title: string;
    readonly contexts: readonly string[];
    /** Which of the contexts failed. */
    readonly failed: readonly number[];
    readonly files: readonly FileEntry[];
    /** How many packs of line sets there are. */
    readonly packs: number;
    readonly ways: readonly WayEntry[];
    /** How many hand-overs there are between these. */
    readonly handovers: number;
    readonly remarks: readonly string[];
}

export interface FileEntry {
    readonly name: string;
    /** How many lines could have run, how many ran, how many of these did not go everywhere they could. */
    readonly known: number;
    readonly ran: number;
    readonly partial: number;
    /** Places whose operands were compared and never matched. */
    readonly unmatched: number;
    readonly remark: string;
}

export interface WayEntry {
    readonly name: string;
    readonly entries: number;
    readonly spans: number;
    readonly dropped: number;
}

/** What data/file-N.js holds. */
export interface Detail {
    readonly text: readonly string[];
    /** By line, where it never went. */
    readonly partial: Readonly<Record<string, readonly string[]>>;
    readonly compared: readonly Compared[];
}

export interface Compared {
    readonly line: number;
    readonly op: string;
    readonly function: string;
    readonly constant: boolean;
    readonly times: number;
    readonly matched: number;
    readonly distinct: number;
    /** The most frequent ones: operands as Python writes them, and how many times. */
    readonly pairs: readonly (readonly [string, string, number])[];
    readonly threads: readonly string[];
    readonly histogram: Histogram | null;
}

export interface Histogram {
    readonly low: string;
    readonly high: string;
    readonly counts: readonly number[];
}

const waiting = new Map<string, (text: string) => void>();

declare global {
    var pykcovData: (name: string, text: string) => void;
}

globalThis.pykcovData = (name, text) => {
    waiting.get(name)?.(text);
    waiting.delete(name);
};

// Scripts are the only thing that a page opened from disk may load, and ours the only ones that this page may.
interface Policies {
    createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): string };
}
const rules = {
    createScriptURL(url: string): string {
        if (!/^data\/[a-z]+(-[0-9]+)?\.js$/.test(url)) {
            throw new TypeError(`no script of this page: ${url}`);
        }
        return url;
    },
};
const { trustedTypes } = globalThis as { trustedTypes?: Policies };
const policy = trustedTypes?.createPolicy("pykcov", rules) ?? rules;

const loaded = new Map<string, Promise<Uint8Array>>();

/** Returns the bytes of data/NAME.js, which is loaded once. */
export function load(name: string): Promise<Uint8Array> {
    let bytes = loaded.get(name);
    if (bytes === undefined) {
        bytes = script(name).then(inflate);
        loaded.set(name, bytes);
    }
    return bytes;
}

export async function loadJson<T>(name: string): Promise<T> {
    return JSON.parse(new TextDecoder().decode(await load(name))) as T;
}

function script(name: string): Promise<string> {
    return new Promise((resolve, reject) => {
        const element = document.createElement("script");
        element.onerror = () => {
            loaded.delete(name);
            reject(new Error(`data/${name}.js cannot be read: is the folder whole?`));
        };
        element.onload = () => {
            element.remove();
            if (waiting.delete(name)) {
                reject(new Error(`data/${name}.js is damaged`));
            }
        };
        waiting.set(name, resolve);
        element.src = policy.createScriptURL(`data/${name}.js`);
        document.head.append(element);
    });
}

async function inflate(text: string): Promise<Uint8Array> {
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let at = 0; at < binary.length; at++) {
        bytes[at] = binary.charCodeAt(at);
    }
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Reads numbers of 7 bits a byte, the lowest first; the top bit says that more follow. */
export class Numbers {
    #at = 0;

    constructor(readonly bytes: Uint8Array) {}

    next(): number {
        let value = 0;
        for (let scale = 1; ; scale *= 128) {
            const byte = this.bytes[this.#at++];
            if (byte === undefined) {
                throw new RangeError("data of this page is cut off");
            }
            value += (byte & 127) * scale;
            if (byte < 128) {
                return value;
            }
        }
    }

    /** Reads as many as `into` has places, each the difference to the one before if `rising`. */
    fill<T extends Uint32Array | Int32Array>(into: T, rising = false): T {
        let last = 0;
        for (let at = 0; at < into.length; at++) {
            const value = this.next();
            last = rising ? last + value : value;
            into[at] = last;
        }
        return into;
    }
}
