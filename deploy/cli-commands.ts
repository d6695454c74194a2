import type { CommandEntry } from '../api/cli/command-line.ts'

/** The commands that run hosts on this machine or deal with their configuration. */
export const hostCommands: readonly CommandEntry[] = Object.freeze([
  { name: 'dev', summary: 'run a local cluster (what npm start runs)', load: () => import('./cli-dev.ts') },
  { name: 'host', summary: 'run one host', load: () => import('./cli-host.ts') },
  { name: 'bench', summary: 'measure throughput and latency', load: () => import('./cli-bench.ts') },
  {
    name: 'simulate',
    summary: 'run clusters on virtual time with faults, and check them',
    load: () => import('./cli-simulate.ts')
  },
  { name: 'token', summary: 'make a token or a secret by chance', load: () => import('./cli-token.ts') },
  {
    name: 'certificates',
    summary: 'make an authority and certificates of hosts, to begin with',
    load: () => import('./cli-certificates.ts')
  },
  { name: 'config', summary: 'print or check a host’s configuration', load: () => import('./cli-config.ts') }
])
