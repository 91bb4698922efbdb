"use strict";
// Finds one job among all and tells its verdict and every fact, as `python -m analysis explain` does.

const STREAM_DIGITS = 6;
const unpacked = new Map();

/** What was packed: JSON, deflated, in base64. */
async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(plain).text());
}

/** A chunk's columns, its ids and facts as they are; see look_up.py for how they were packed. */
async function columnsOf(jobs, chunk) {
  const columns = await unpack(chunk.packed);
  return { ...columns, id: idsOf(columns), facts: factsOf(jobs, columns) };
}

function idsOf(columns) {
  let index = 0;
  return columns.id.map((step) => {
    if (typeof step === "string") return step;
    index += step;
    return `j${String(index).padStart(STREAM_DIGITS, "0")}`;
  });
}

/** Job by job: its facts. */
function factsOf(jobs, columns) {
  const [isFinal, isNumbered] = [new Set(jobs.final), new Set(jobs.numbered)];
  let [row, at, opening, final, number, numbers] = [0, 0, 0, 0, 0, 0];
  return columns.facts.map((count) =>
    Array.from({ length: count }, (_, place) => {
      const [step, code] = [columns.at[row], columns.sentence[row]];
      row += 1;
      if (isFinal.has(code)) at = final += step;
      else if (place === 0) at = opening += step;
      else at += step;
      let sentence = jobs.sentences[code];
      if (isNumbered.has(code)) {
        number += columns.number[numbers++];
        sentence = sentence.replace("#", number);
      }
      return { at_s: (at * jobs.resolution_us) / 1e6, sentence };
    }),
  );
}

/** The job's place, and the columns that it stands in; null = there is no such job. */
async function find(jobs, id) {
  const chunk = jobs.chunks.findLast(({ first }) => first <= id);
  if (!chunk) return null;
  if (!unpacked.has(chunk)) unpacked.set(chunk, columnsOf(jobs, chunk));
  const columns = await unpacked.get(chunk);
  const place = columns.id.indexOf(id);
  return place < 0 ? null : { columns, place };
}

function kindOf(jobs, columns, place) {
  const label = (names, code) => (code < 0 ? null : names[code]);
  const length = columns.length[place];
  const tenant = label(jobs.tenants, columns.tenants[place]);
  return [
    label(jobs.kinds, columns.kinds[place]),
    label(jobs.classes, columns.classes[place]),
    tenant === null ? null : `tenant ${tenant}`,
    length < 0 ? null : `planned length ${((length * jobs.resolution_us) / 1000).toLocaleString("en")} ms`,
  ].filter((text) => text !== null);
}

function jobShown(jobs, id, { columns, place }) {
  const digits = jobs.resolution_us === 1 ? 6 : 3;
  const [verdict, flags] = jobs.outcomes[columns.outcome[place]];
  const shown = document.createDocumentFragment();
  shown.append(cell("h4", `${id}: ${verdict}`));
  if (flags) shown.append(cell("p", `Flags: ${flags}.`));
  shown.append(cell("p", `${kindOf(jobs, columns, place).join(", ")}.`));
  const list = document.createElement("ol");
  for (const { at_s, sentence } of columns.facts[place]) {
    const item = document.createElement("li");
    item.append(cell("time", `${at_s < 0 ? "" : "+"}${at_s.toFixed(digits)} s`), cell("span", sentence));
    list.append(item);
  }
  shown.append(list);
  return shown;
}

/** Look a job of a run up and show it. Resolves to whether there is one. */
async function lookUp(owner, id) {
  const { jobs } = ownerData(owner);
  const place = document.querySelector(`#${owner} .job`);
  if (typeof DecompressionStream === "undefined") {
    place.replaceChildren(cell("p", "This browser is too old to unpack the jobs: it lacks DecompressionStream."));
    return false;
  }
  const found = id && (await find(jobs, id));
  if (!found) {
    const example = jobs.count ? `; ids look like ${jobs.chunks[0].first}` : "";
    place.replaceChildren(cell("p", `This run has no job ${JSON.stringify(id)}${example}.`));
    return false;
  }
  place.replaceChildren(jobShown(jobs, id, found));
  return true;
}

const ROWS_AT_ONCE = 100;

/** The outcomes' codes that a verdict and a flag ask for; "" = any. */
function outcomesAsked(jobs, verdict, flag) {
  const asked = new Set();
  jobs.outcomes.forEach(([its, flags], code) => {
    const isRaised = flag === "" || flags.split(", ").includes(flag);
    if ((verdict === "" || its === verdict) && isRaised) asked.add(code);
  });
  return asked;
}

/** Every job of these outcomes, a row each, in the order of their ids, `limit` at the most. */
async function rowsOf(jobs, asked, limit) {
  const rows = [];
  for (const chunk of jobs.chunks) {
    if (rows.length >= limit) break;
    const columns = await unpack(chunk.packed);
    const ids = idsOf(columns);
    columns.outcome.forEach((code, place) => {
      if (asked.has(code) && rows.length < limit) rows.push([ids[place], ...jobs.outcomes[code]]);
    });
  }
  return rows;
}

/** List the jobs of a run that have a verdict and a flag; more of them by a button. */
async function listJobs(owner, verdict, flag, limit = ROWS_AT_ONCE) {
  const { jobs, run_id: run } = ownerData(owner);
  const place = document.querySelector(`#${owner} .jobs`);
  const asked = outcomesAsked(jobs, verdict, flag);
  const count = [...asked].reduce((sum, code) => sum + jobs.outcome_counts[code], 0);
  const rows = await rowsOf(jobs, asked, limit);
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const heading of ["job", "verdict", "flags"]) head.append(cell("th", heading));
  const body = table.createTBody();
  for (const [id, its, flags] of rows) {
    const link = cell("a", id);
    link.href = `#${new URLSearchParams({ run, job: id })}`;
    const name = document.createElement("th");
    name.append(link);
    const row = body.insertRow();
    row.append(name, cell("td", its), cell("td", flags));
  }
  const shown = rows.length < count ? `; the first ${rows.length.toLocaleString("en")} are listed` : "";
  const scroll = document.createElement("div");
  Object.assign(scroll, { className: "scroll", tabIndex: 0 });
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", "Jobs");
  if (rows.length) scroll.append(table);
  place.replaceChildren(cell("p", `${count.toLocaleString("en")} of ${jobs.count.toLocaleString("en")} jobs${shown}.`), scroll);
  if (rows.length < count) {
    const more = cell("button", "List more");
    more.addEventListener("click", () => listJobs(owner, verdict, flag, limit * 10));
    place.append(more);
  }
  return count;
}
