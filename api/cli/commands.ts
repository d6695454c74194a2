import type { CommandEntry } from './command-line.ts'

/** The commands that talk to a running cluster. Each module is loaded when it is called, so that the command starts at once. */
export const clusterCommands: readonly CommandEntry[] = Object.freeze([
  { name: 'get', summary: 'print the value of a key', load: () => import('./commands/get.ts') },
  { name: 'put', summary: 'store a value under a key', load: () => import('./commands/put.ts') },
  { name: 'delete', summary: 'delete a key', load: () => import('./commands/delete.ts') },
  { name: 'keys', summary: 'list the keys of a bucket', load: () => import('./commands/keys.ts') },
  { name: 'watch', summary: 'print writes as they are accepted', load: () => import('./commands/watch.ts') },
  { name: 'import', summary: 'store the pairs of an NDJSON file', load: () => import('./commands/import.ts') },
  { name: 'export', summary: 'print all pairs of a bucket as NDJSON', load: () => import('./commands/export.ts') },
  { name: 'backup', summary: 'write what the cluster holds to a directory', load: () => import('./commands/backup.ts') },
  { name: 'restore', summary: 'merge a backup into a cluster', load: () => import('./commands/restore.ts') },
  { name: 'status', summary: 'show on one screen how the cluster is', load: () => import('./commands/status.ts') },
  { name: 'hosts', summary: 'list the hosts', load: () => import('./commands/hosts.ts') },
  { name: 'join', summary: 'stage that a host that waits joins', load: () => import('./commands/join.ts') },
  { name: 'leave', summary: 'stage that a host leaves the cluster', load: () => import('./commands/leave.ts') },
  { name: 'replace', summary: 'stage that a host takes the place of another', load: () => import('./commands/replace.ts') },
  { name: 'weight', summary: 'stage another weight of a host', load: () => import('./commands/weight.ts') },
  { name: 'plan', summary: 'show what is staged, and what it comes to', load: () => import('./commands/plan.ts') },
  { name: 'commit', summary: 'carry out what is staged', load: () => import('./commands/commit.ts') },
  { name: 'pause', summary: 'let a plan stand still', load: () => import('./commands/pause.ts') },
  { name: 'resume', summary: 'let a plan go on', load: () => import('./commands/resume.ts') },
  {
    name: 'throttle',
    summary: 'bound how fast hosts fetch what a plan gives them',
    load: () => import('./commands/throttle.ts')
  },
  { name: 'abort', summary: 'drop what is staged, or take back what is not done', load: () => import('./commands/abort.ts') },
  { name: 'remove', summary: 'remove a host that is down for good', load: () => import('./commands/remove.ts') },
  { name: 'ring', summary: 'show which hosts own what', load: () => import('./commands/ring.ts') },
  { name: 'actors', summary: 'show a host’s tree of actors', load: () => import('./commands/actors.ts') },
  {
    name: 'replication',
    summary: 'what datacenters still have to give to each other',
    load: () => import('./commands/replication.ts')
  },
  { name: 'repair', summary: 'compare all replicas and mend what differs', load: () => import('./commands/repair.ts') },
  { name: 'profile', summary: 'show where a thread of a host spends its time', load: () => import('./commands/profile.ts') },
  { name: 'explain', summary: 'show what each replica holds of a key', load: () => import('./commands/explain.ts') },
  { name: 'capacity', summary: 'how many hosts a load needs', load: () => import('./commands/capacity.ts') },
  { name: 'bucket', summary: 'get or set the properties of a bucket', load: () => import('./commands/bucket.ts') }
])
