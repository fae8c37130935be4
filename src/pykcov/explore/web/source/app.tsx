import { useData } from "./data";
import { Difference } from "./difference";
import { Files } from "./files";
import { Link } from "./link";
import { useRoute, type View } from "./route";
import { SourceView } from "./source";
import { counted, visible } from "./text";
import { Timeline } from "./timeline";
import type { Index } from "./wire";

const TABS: readonly (readonly [View, string])[] = [
    ["files", "Files"],
    ["difference", "Difference"],
    ["timeline", "Timeline"],
];

export function App({ index }: { readonly index: Index }) {
    const [route, go] = useRoute();
    const data = useData(index);
    const props = { data, route, go };
    return (
        <>
            <header>
                <h1>{visible(index.title)}</h1>
                <nav aria-label="Views">
                    {TABS.map(([view, name]) => (
                        <Link key={view} route={{ ...route, view }} go={go} current={route.view === view}>
                            {name}
                        </Link>
                    ))}
                </nav>
                <p class="total">
                    {counted(index.files.length, "file")}, {counted(index.contexts.length, "context")}
                </p>
            </header>
            {index.remarks.length > 0 && (
                <details class="remarks">
                    <summary>{counted(index.remarks.length, "remark")} on what is missing or doubtful</summary>
                    <ul>
                        {index.remarks.map((remark) => (
                            <li key={remark}>{visible(remark)}</li>
                        ))}
                    </ul>
                </details>
            )}
            {data.error !== "" && <p role="alert">{data.error}</p>}
            <main>
                {route.view === "files" && <Files {...props} />}
                {route.view === "source" && <SourceView {...props} />}
                {route.view === "difference" && <Difference {...props} />}
                {route.view === "timeline" && <Timeline {...props} />}
            </main>
        </>
    );
}
