"use strict";
// Draws each chart when it comes into view, in the page's colours, and tells it as a table.

const WIDE_PX = 600;
const MOST_ROWS = 1000;
const CONFIG = { displayModeBar: false, responsive: true, doubleClick: false };

const dataOf = (owner) => JSON.parse(document.getElementById(`${owner}-data`).textContent);
const remembered = new Map();

function ownerData(owner) {
  if (!remembered.has(owner)) remembered.set(owner, dataOf(owner));
  return remembered.get(owner);
}

function plotOf(element) {
  return ownerData(element.dataset.owner).plots[element.dataset.plot];
}

/** The colours that page.css gives in the place of their names; every other text as a text: plotly
 * takes what looks like HTML in one for HTML, and templates alone are the page's own words. */
function coloured(part, style, of = "") {
  if (typeof part === "string") {
    if (of === "color" || of === "fillcolor") {
      return part.startsWith("--") ? style.getPropertyValue(part).trim() : part;
    }
    return of === "hovertemplate" ? part : asText(part);
  }
  if (Array.isArray(part)) return part.map((inner) => coloured(inner, style, of));
  if (part === null || typeof part !== "object") return part;
  return Object.fromEntries(Object.entries(part).map(([key, inner]) => [key, coloured(inner, style, key)]));
}

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const asText = (text) => text.replace(/[&<>]/g, (mark) => ENTITIES[mark]);

function axis(given, style) {
  const [ink, rule] = ["--quiet", "--rule"].map((name) => style.getPropertyValue(name).trim());
  return {
    automargin: true,
    fixedrange: true,
    gridcolor: rule,
    linecolor: rule,
    zerolinecolor: rule,
    tickfont: { color: ink },
    ...given,
  };
}

function layoutOf(element, layout, style) {
  const isWide = element.clientWidth >= WIDE_PX;
  const given = coloured(layout, style);
  return {
    ...given,
    autosize: true,
    dragmode: false,
    hovermode: "closest",
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "system-ui, sans-serif", size: isWide ? 13 : 11, color: style.getPropertyValue("--ink").trim() },
    margin: { l: isWide ? 60 : 40, r: 10, t: 28, b: 70 },
    legend: { orientation: "h", x: 0, y: 0, yref: "container", yanchor: "bottom", itemclick: false, itemdoubleclick: false },
    showlegend: true,
    xaxis: axis(given.xaxis, style),
    yaxis: axis(given.yaxis, style),
  };
}

function draw(element) {
  const { figure } = plotOf(element);
  const style = getComputedStyle(document.documentElement);
  const layout = layoutOf(element, figure.layout, style);
  const stretch = stretches.get(element.dataset.owner);
  if (plotOf(element).over_time && stretch) layout.xaxis.range = stretch;
  return Plotly.react(element, coloured(figure.data, style), layout, CONFIG);
}

const stretches = new Map();

/** Show a stretch of the run, [from, to] in seconds, in all of its charts; null = all of it. */
function showStretch(owner, stretch) {
  stretches.set(owner, stretch);
  redraw((element) => element.dataset.owner === owner && plotOf(element).over_time);
}

function redraw(isWanted = () => true) {
  for (const element of document.querySelectorAll(".plot.js-plotly-plot")) {
    if (isWanted(element)) draw(element);
  }
}

const coming = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      coming.unobserve(target);
      draw(target);
    }
  },
  { rootMargin: "200px" },
);

function cell(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

/** A table of a chart's values: one row a point of a trace. */
function tableOf({ figure, title }) {
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  const across = figure.layout.xaxis?.title?.text ?? "x";
  const up = figure.layout.yaxis?.title?.text ?? "y";
  for (const heading of ["", across, up]) head.append(cell("th", heading));
  const body = table.createTBody();
  let left = MOST_ROWS;
  for (const trace of figure.data) {
    const [x, y] = [values(trace.x), values(trace.y)];
    for (let place = 0; place < x.length && left > 0; place += 1, left -= 1) {
      const row = body.insertRow();
      row.append(cell("th", trace.hovertext?.[place] ?? trace.text?.[place] ?? trace.name));
      row.append(cell("td", told(x[place])), cell("td", told(y[place])));
    }
  }
  const scroll = document.createElement("div");
  Object.assign(scroll, { className: "scroll", tabIndex: 0 });
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", `${title}, as a table`);
  scroll.append(table);
  if (left === 0) scroll.append(cell("p", `The first ${MOST_ROWS} values are listed.`));
  return scroll;
}

const told = (value) => (typeof value === "number" ? String(Number(value.toPrecision(7))) : value);

/** A trace's column, unpacked where it stands as base64. */
function values(column) {
  if (Array.isArray(column)) return column;
  const bytes = Uint8Array.from(atob(column.bdata), (letter) => letter.charCodeAt(0));
  const kind = column.dtype === "f4" ? Float32Array : Float64Array;
  return Array.from(new kind(bytes.buffer));
}

function fillTable(event) {
  const details = event.target;
  if (!details.open || details.childElementCount > 1) return;
  details.append(tableOf(plotOf(details.parentElement.querySelector(".plot"))));
}
