// The house's edges as data; scripts/lint-structure.mjs applies them. The reasons are in CONTRIBUTING.md.

export const linesMax = 400
export const linesWarned = 250

/** Words that say nothing of what a file is about. */
export const bannedWords = ['util', 'utils', 'common', 'helper', 'helpers', 'manager', 'misc']

const ports = ['bus/bus.ts', 'storage/store.ts']

/**
 * What each folder may import: folders (`model/`) or single files. Its own folder always; folders that are not named
 * here (test, bench, examples) may import anything.
 */
export const layers = {
  model: [],
  bus: ['model/'],
  storage: ['model/'],
  runtime: ['model/', ...ports],
  actors: ['runtime/', 'model/', ...ports, 'bus/codec.ts'],
  'api/client': ['actors/', 'runtime/', 'model/', 'bus/', 'storage/store.ts', 'api/'],
  'api/nats': ['actors/', 'runtime/', 'model/', 'bus/', 'storage/store.ts', 'api/'],
  api: ['actors/', 'runtime/', 'model/', ...ports, 'bus/codec.ts'],
  simulation: ['actors/', 'runtime/', 'storage/', 'bus/', 'model/'],
  deploy: ['simulation/', 'api/', 'actors/', 'runtime/', 'storage/', 'bus/', 'model/']
}

/** A command loads the composition root that it runs on demand: the one edge against the current, by `import()` only. */
export const dynamicEdges = [{ from: 'api/cli/', to: 'deploy/' }]

/** The files that may hold nothing but re-exports: they are the package's doors. */
export const barrels = ['index.ts', 'runtime/index.ts', 'simulation/index.ts']

/** Decides and computes only; what is outside (clock, chance, timers, process, disk, network) comes in through a port. */
export const pureFolders = ['model/', 'actors/', 'runtime/']

/** The adapters among them, where the outside is let in. */
export const adapters = [
  'runtime/system-clock.ts',
  'runtime/random.ts',
  'runtime/worker-host.ts',
  'runtime/worker-thread.ts',
  'runtime/thread-life.ts',
  'runtime/jobs.ts',
  'runtime/port-bus.ts',
  'runtime/prometheus.ts'
]

export const impurities = [
  { pattern: /(?<![\w$.])Date\s*\.\s*now\b/g, name: 'Date.now' },
  { pattern: /(?<![\w$.])(?:Date\s*\(\s*\)|new\s+Date\b(?!\s*\())/g, name: 'Date() without a time' },
  { pattern: /(?<![\w$.])Math\s*\.\s*random\b/g, name: 'Math.random' },
  { pattern: /(?<![\w$.])performance\s*\.\s*now\b/g, name: 'performance.now' },
  {
    pattern: /(?<![\w$.])(?:globalThis\s*\.\s*)?(?:setTimeout|setInterval|setImmediate|queueMicrotask)\s*\(/g,
    name: 'a timer of the platform'
  },
  { pattern: /(?<![\w$.])process\s*\.\s*\w/g, name: 'process' },
  {
    pattern: /(?<![\w$.])(?:crypto\s*\.\s*)?(?:randomUUID|randomBytes|randomInt|getRandomValues)\s*\(/g,
    name: 'chance from crypto'
  },
  { pattern: /(?<![\w$.])fetch\s*\(/g, name: 'fetch', unless: /(?<![\w$.])(?:function|const)\s+fetch\b/ }
]

export const impureModules =
  /^(?:node:)?(?:fs|net|http|https|http2|tls|dgram|dns|child_process|cluster|worker_threads|timers|process|os|perf_hooks|readline|inspector)(?:\/.*)?$/
