import type { ComponentChildren } from "preact";
import { fragment, type Go, type Route } from "./route";

/** A link to what `route` shows, which can be opened elsewhere and sent to somebody, too. */
export function Link(props: {
    readonly route: Route;
    readonly go: Go;
    readonly children: ComponentChildren;
    readonly current?: boolean;
    readonly class?: string;
}) {
    return (
        <a
            href={fragment(props.route)}
            class={props.class}
            aria-current={props.current ? "page" : undefined}
            onClick={(event) => {
                if (!event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
                    event.preventDefault();
                    props.go(props.route);
                }
            }}
        >
            {props.children}
        </a>
    );
}
