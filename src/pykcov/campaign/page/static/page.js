// The page of a campaign. All that comes from the store is put in as text, never as markup.
"use strict";

const colours = ["#2f7d5b", "#3b6fb6", "#b5651d", "#8e44ad", "#b3261e", "#00838f", "#6d7d0b", "#5d4037"];
const charts = {};
let last = null;
let shown = null;

const byId = (id) => document.getElementById(id);
const number = (value) => Math.round(value).toLocaleString("en");

function make(name, text, className) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

function row(...cells) {
  const line = make("tr");
  line.append(...cells);
  return line;
}

function ago(then) {
  if (then === null) return "never";
  const seconds = Math.max(last.now - then, 0);
  for (const [limit, size, unit] of [[90, 1, "second"], [5400, 60, "minute"], [172800, 3600, "hour"], [Infinity, 86400, "day"]])
    if (seconds < limit) {
      const count = Math.max(Math.round(seconds / size), 1);
      return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
    }
}

function bar(part, whole) {
  const cell = make("td");
  const outer = make("span", undefined, "bar");
  const inner = make("i");
  inner.style.width = `${whole ? (100 * part) / whole : 0}%`;
  outer.append(inner);
  cell.append(outer, `${number(part)} of ${number(whole)}`);
  return cell;
}

function showCampaign() {
  const campaign = last.campaigns[0];
  byId("campaign").textContent = campaign
    ? `Campaign ${campaign.number}${campaign.revision ? ` of ${campaign.revision}` : ""}: ` +
      `${number(campaign.slices)} slices, ${number(campaign.executions)} executions; ` +
      (campaign.ended === null ? `running, last heard of ${ago(campaign.seen)}` : `ended ${ago(campaign.ended)}`) +
      `. ${number(last.inputs)} inputs, ${number(last.open_findings)} new findings.`
    : "There was no campaign yet.";
}

function showTargets() {
  byId("targets").tBodies[0].replaceChildren(
    ...last.targets.map((target) => {
      const name = make("td", target.harness);
      if (target.problem) name.append(make("div", target.problem.slice(-300), "problem"));
      const inputs = make("td", undefined, "n");
      const link = make("a", number(target.inputs));
      link.href = `/corpus?target=${encodeURIComponent(target.harness)}`;
      link.title = "download the corpus";
      inputs.append(link);
      return row(
        name,
        make("td", number(target.executions), "n"),
        make("td", number(target.rate), "n"),
        bar(target.reached, target.places),
        inputs,
        make("td", number(target.open_findings), "n"),
        make("td", target.expected),
      );
    }),
  );
}

function showFindings() {
  byId("findings").tBodies[0].replaceChildren(
    ...last.findings.map((finding) => {
      const what = make("td");
      const button = make("button", finding.token);
      button.type = "button";
      button.addEventListener("click", () => openFinding(finding.number));
      what.append(button);
      const line = row(
        make("td", String(finding.number), "n"),
        what,
        make("td", finding.harness),
        make("td", finding.state, `state-${finding.state}`),
        make("td", number(finding.times), "n"),
        make("td", ago(finding.first_seen)),
        make("td", ago(finding.last_seen)),
        make("td", finding.revision),
      );
      line.className = finding.number === shown ? "open" : "";
      return line;
    }),
  );
}

async function openFinding(wanted) {
  const answer = await fetch(`/api/findings/${wanted}`);
  if (!answer.ok) return;
  const finding = await answer.json();
  shown = finding.number;
  const article = byId("finding");
  const set = (selector, text) => (article.querySelector(selector).textContent = text);
  set("h3", `${finding.token} in ${finding.harness}`);
  set(".facts", `${finding.kind}, ${finding.state}, found by ${number(finding.times)} ${finding.times === 1 ? "slice" : "slices"}; ` +
    `input of ${number(finding.size)} bytes${finding.minimized ? ", made shorter" : ""}${finding.cut ? ", of which the first are shown" : ""}`);
  set(".report", finding.report);
  set(".hex", finding.hex);
  set(".text", finding.text);
  set(".command", finding.command);
  article.hidden = false;
  showFindings();
}

function showChart(id, title, field) {
  const group = document.querySelector("input[name=group]:checked").value;
  const names = Object.keys(last.series[group] || {}).slice(0, colours.length);
  const data = [last.series.times, ...names.map((name) => last.series[group][name][field])];
  const key = JSON.stringify([group, names]);
  const holder = byId(id);
  holder.dataset.last = JSON.stringify(Object.fromEntries(names.map((name, at) => [name, data[at + 1].at(-1)])));
  if (charts[id] && charts[id].key === key) {
    charts[id].chart.setData(data);
    return;
  }
  if (charts[id]) charts[id].chart.destroy();
  const style = getComputedStyle(document.body).color;
  const axis = { stroke: style, grid: { stroke: "#8883" }, ticks: { stroke: "#8883" } };
  const options = {
    title, width: Math.max(holder.clientWidth, 300), height: 260,
    series: [{}, ...names.map((name, at) => ({ label: name, stroke: colours[at], width: 2, value: (_, value) => (value === null ? "" : number(value)) }))],
    axes: [axis, { ...axis, size: 80, values: (_, values) => values.map(number) }],
  };
  charts[id] = { key, chart: new uPlot(options, data, holder) };
}

function showCharts() {
  showChart("executions", "Executions", "executions");
  showChart("places", "Places reached first", "places");
}

async function showMap() {
  const answer = await fetch("/api/map");
  if (!answer.ok) return;
  const open = new Set([...document.querySelectorAll("#map details[open]")].map((each) => each.dataset.file));
  const files = await answer.json();
  byId("map").replaceChildren(
    ...files.map((file) => {
      const best = (own) => Math.max(0, ...Object.values(own.reached));
      const places = file.functions.reduce((sum, own) => sum + own.places, 0);
      const reached = file.functions.reduce((sum, own) => sum + best(own), 0);
      const details = make("details");
      details.dataset.file = file.file;
      details.open = open.has(file.file);
      const summary = make("summary");
      summary.append(...bar(reached, places).childNodes, ` ${file.file}`);
      const table = make("table");
      table.append(...file.functions.map((own) =>
        row(bar(best(own), own.places), make("td", `${own.function} (line ${own.line})`),
          make("td", Object.entries(own.reached).map(([name, count]) => `${name}: ${count}`).join(", ") || "not reached"))));
      details.append(summary, table);
      return details;
    }),
  );
}

function take(state) {
  last = state;
  showCampaign();
  showTargets();
  showFindings();
  showCharts();
  showMap();
}

for (const choice of document.querySelectorAll("input[name=group]")) choice.addEventListener("change", () => last && showCharts());
addEventListener("resize", () => {
  for (const [id, { chart }] of Object.entries(charts)) chart.setSize({ width: Math.max(byId(id).clientWidth, 300), height: 260 });
});
new EventSource("/events").addEventListener("message", (event) => take(JSON.parse(event.data)));
