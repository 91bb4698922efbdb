"use strict";
// Finds one job among all and tells its verdict and every fact, as `python -m analysis explain` does.

const unpacked = new Map();

/** A chunk's columns: JSON, deflated, in base64. */
async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(plain).text());
}

function columnsOf(chunk) {
  if (!unpacked.has(chunk)) unpacked.set(chunk, unpack(chunk.packed));
  return unpacked.get(chunk);
}

/** The job's place, and the columns that it stands in; null = there is no such job. */
async function find(jobs, id) {
  const chunk = jobs.chunks.findLast(({ first }) => first <= id);
  if (!chunk) return null;
  const columns = await columnsOf(chunk);
  const place = columns.id.indexOf(id);
  return place < 0 ? null : { columns, place };
}

function factsOf(jobs, columns, place) {
  const sum = (from, to, column) => column.slice(from, to).reduce((total, step) => total + step, 0);
  const begin = sum(0, place, columns.facts);
  let at = sum(0, begin, columns.at);
  return Array.from({ length: columns.facts[place] }, (_, offset) => {
    const row = begin + offset;
    at += columns.at[row];
    const sentence = jobs.sentences[columns.sentence[row]].replace("#", columns.number[row]);
    return { at_s: (at * jobs.resolution_us) / 1e6, sentence };
  });
}

function kindOf(jobs, columns, place) {
  const label = (names, code) => (code < 0 ? null : names[code]);
  const length_us = columns.length_us[place];
  const tenant = label(jobs.tenants, columns.tenants[place]);
  return [
    label(jobs.kinds, columns.kinds[place]),
    label(jobs.classes, columns.classes[place]),
    tenant === null ? null : `tenant ${tenant}`,
    length_us < 0 ? null : `planned length ${(length_us / 1000).toLocaleString("en")} ms`,
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
  for (const { at_s, sentence } of factsOf(jobs, columns, place)) {
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
