"use strict";
// The page's controls: which run is shown, which job, which stretch. The address keeps run and job.

const chooser = document.getElementById("chooser");
const runs = [...document.querySelectorAll(".run")];
const shownRun = () => runs.find((run) => !run.hidden);

function showRun(owner) {
  for (const run of runs) run.hidden = run.id !== owner;
  if (chooser) chooser.value = owner;
  redraw((element) => element.dataset.owner === owner);
}

function remember(asked) {
  const words = new URLSearchParams(asked).toString();
  history.replaceState(null, "", words ? `#${words}` : location.pathname);
}

function asked() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

/** Do what the address asks for: #run=RUN_ID&job=JOB_ID, either of them. */
async function follow() {
  const { run: wanted, job } = asked();
  const run = runs.find((one) => one.dataset.run === wanted);
  if (run) showRun(run.id);
  if (run && !job) run.scrollIntoView();
  if (!job) return;
  const owner = shownRun().id;
  document.getElementById(`${owner}-job`).value = job;
  await lookUp(owner, job);
  document.getElementById(`${owner}-look-up`).scrollIntoView();
}

function choose() {
  showRun(chooser.value);
  remember({ run: shownRun().dataset.run });
}

async function askedForJob(event) {
  event.preventDefault();
  const job = event.target.elements.job.value.trim();
  remember({ run: shownRun().dataset.run, job });
  await lookUp(event.target.dataset.lookUp, job);
}

function askedForStretch(event) {
  event.preventDefault();
  const { from, to } = event.target.elements;
  const number = (input) => (input.value === "" ? Number(input.placeholder) : input.valueAsNumber);
  showStretch(event.target.dataset.stretch, [number(from), number(to)]);
}

function askedForJobs(event) {
  event.preventDefault();
  const { verdict, flag } = event.target.elements;
  return listJobs(event.target.dataset.listJobs, verdict.value, flag.value);
}

chooser?.addEventListener("change", choose);
for (const form of document.querySelectorAll("[data-list-jobs]")) form.addEventListener("submit", askedForJobs);
for (const form of document.querySelectorAll("[data-look-up]")) form.addEventListener("submit", askedForJob);
for (const form of document.querySelectorAll("[data-stretch]")) {
  form.addEventListener("submit", askedForStretch);
  form.addEventListener("reset", () => showStretch(form.dataset.stretch, null));
}
for (const details of document.querySelectorAll(".as-table")) details.addEventListener("toggle", fillTable);
for (const element of document.querySelectorAll(".plot")) coming.observe(element);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw());
addEventListener("hashchange", follow);
follow();
