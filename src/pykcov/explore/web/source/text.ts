// Text of traces and sources as it is shown.

// What is not seen, or changes the order in which what follows is seen.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/gu;

/** Returns a text with what cannot be seen in it as numbers. */
export function visible(text: string): string {
    return text.replace(HIDDEN, (one) => `\\u{${(one.codePointAt(0) ?? 0).toString(16)}}`);
}

export function counted(count: number, one: string, several = `${one}s`): string {
    return `${count.toLocaleString("en")} ${count === 1 ? one : several}`;
}

export function percent(part: number, whole: number): string {
    // As coverage.py: 0 and 100 only where it is exactly so.
    if (whole === 0 || part === whole) {
        return whole === 0 ? "" : "100%";
    }
    return part === 0 ? "0%" : `${Math.min(99, Math.max(1, Math.round((100 * part) / whole)))}%`;
}
