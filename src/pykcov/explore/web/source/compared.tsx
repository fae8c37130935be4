// What was compared at one place.

import { counted, visible } from "./text";
import type { Compared } from "./wire";

export function Compare({ compared }: { readonly compared: Compared }) {
    const { histogram } = compared;
    const highest = Math.max(1, ...(histogram?.counts ?? []));
    return (
        <section class="compared">
            <h4>
                Compared with <code>{visible(compared.op || "?")}</code> in {visible(compared.function)}
            </h4>
            <p>
                {counted(compared.times, "time")}, {compared.matched === 0 ? "never equal" : `${compared.matched} equal`};{" "}
                {counted(compared.distinct, "pair")} of operands; by {compared.threads.map(visible).join(", ")}
            </p>
            <table>
                <caption>Most frequent pairs</caption>
                <thead>
                    <tr>
                        <th scope="col">{compared.constant ? "Constant" : "First"}</th>
                        <th scope="col">{compared.constant ? "Compared with it" : "Second"}</th>
                        <th scope="col" class="number">
                            Times
                        </th>
                    </tr>
                </thead>
                <tbody>
                    {compared.pairs.map(([one, other, times], at) => (
                        <tr key={at} class={one === other ? "equal" : ""}>
                            <td>
                                <code>{visible(one)}</code>
                            </td>
                            <td>
                                <code>{visible(other)}</code>
                            </td>
                            <td class="number">{times}</td>
                        </tr>
                    ))}
                </tbody>
            </table>
            {histogram !== null && (
                <figure>
                    <svg
                        viewBox={`0 0 ${histogram.counts.length * 10} 40`}
                        role="img"
                        aria-label={`Numbers from ${histogram.low} to ${histogram.high}: ${histogram.counts.join(", ")}`}
                    >
                        {histogram.counts.map((count, at) => {
                            const height = count === 0 ? 0 : Math.max(1, (40 * count) / highest);
                            return <rect key={at} x={at * 10} y={40 - height} width={9} height={height} />;
                        })}
                    </svg>
                    <figcaption>
                        <span>{histogram.low}</span>
                        <span>{histogram.high}</span>
                    </figcaption>
                </figure>
            )}
        </section>
    );
}
