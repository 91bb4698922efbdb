/** The preset as the parent sends it: graphile-worker's own options, its jobs', the application's. */

const WORKER = [
  "concurrentJobs",
  "gracefulShutdownAbortTimeout",
  "maxPoolSize",
  "maxResetLockedInterval",
  "minResetLockedInterval",
  "pollInterval",
  "preparedStatements",
  "useNodeTime",
];
const KNOWN = [...WORKER, "max_attempts", "free_dead_pools_every_ms"];

/** Throws for a setting that is lacking or not known: nothing is passed over in silence. */
export function settingsFrom(settings) {
  const strange = Object.keys(settings).filter((name) => !KNOWN.includes(name));
  const lacking = KNOWN.filter((name) => !Object.hasOwn(settings, name));
  if (strange.length > 0 || lacking.length > 0) {
    throw new Error(
      `the preset does not fit this worker: it lacks [${lacking}], and [${strange}] is not known`,
    );
  }
  const { max_attempts, free_dead_pools_every_ms } = settings;
  return {
    worker: Object.fromEntries(WORKER.map((name) => [name, settings[name]])),
    jobs: { max_attempts },
    application: { free_dead_pools_every_ms },
  };
}
