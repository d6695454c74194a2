/*
 * How soon is a dead host noticed, how often a live one by mistake, and what does it cost? The gossip agents of whole clusters on
 * virtual time; bytes are those that the bus would send.
 *   node build/bench/membership.js [--hosts 10,100,1000] [--seconds 60] [--seed 1] [--parts deaths,heal,restart,losses] [--losses 0.01,0.05,0.1]
 *     [--quick] [--json]
 * --parts: what to measure; each by itself for large clusters. --quick: one death
 */
import { MembershipCluster } from '../simulation/membership-cluster.ts'

function option(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : (process.argv[at + 1] ?? otherwise)
}

const sizes = option('hosts', '10,100,1000').split(',').map(Number)
const seconds = Number(option('seconds', '60'))
const seed = Number(option('seed', '1'))
const isQuick = process.argv.includes('--quick')
const asJson = process.argv.includes('--json')
const victims = isQuick ? 1 : 5
const parts: ReadonlySet<string> = new Set(option('parts', isQuick ? 'deaths,losses' : 'deaths,heal,restart,losses').split(','))
const losses = parts.has('losses') ? option('losses', '0.01,0.05,0.1').split(',').map(Number) : []
const weather = { delayMinMs: 0.2, delayMaxMs: 5, reordering: 0.1 }

interface Row {
  readonly hosts: number
  /** Seconds until all know each other again after all were restarted at once. */
  readonly restartS: number
  readonly bytesPerHostS: number
  readonly bytesWorstHostS: number
  /** Seconds from the death of a host until one, and until all others, do not ask it any more; until all hold it to be down. */
  readonly firstS: number
  readonly allS: number
  readonly downS: number
  /** Seconds from its new start until all see it up. */
  readonly backS: number
  /** Seconds from the end of a partition in halves, which lasted a minute, until all are up for all. */
  readonly healS: number
  /** By share of messages lost: suspicions, and hosts held to be down, of live hosts, for each host in an hour. */
  readonly wrong: readonly { readonly loss: number; readonly suspicions: number; readonly downs: number }[]
}

function secondsUntil(cluster: MembershipCluster, holds: () => boolean, withinS: number): number {
  const startMs = cluster.clock.now()
  const isSo = cluster.until(holds, withinS * 1_000, 50)
  return isSo ? (cluster.clock.now() - startMs) / 1_000 : Number.POSITIVE_INFINITY
}

function bytesOut(cluster: MembershipCluster): number[] {
  return cluster.running.map(host => host.running?.bus.figures().bytesOut ?? 0)
}

function startedCluster(hosts: number, loss: number): MembershipCluster {
  const cluster = new MembershipCluster({ seed, hosts, areMembers: true, weather: { ...weather, loss } })
  cluster.startAll()
  cluster.run(10_000)
  return cluster
}

/** All are killed and started again at once: each has a new incarnation, and everyone has to hear of it. */
function restart(cluster: MembershipCluster): number {
  const [first] = cluster.running
  const before = new Map(first?.view.map(member => [member.uid, member.incarnation] as const))
  const { names } = cluster
  for (const name of names) cluster.kill(name)
  for (const name of names) cluster.start(name)
  const isNews = (): boolean =>
    cluster.isConverged() &&
    cluster.running.every(host => host.view.every(member => member.incarnation > (before.get(member.uid) ?? 0)))
  return secondsUntil(cluster, isNews, 120)
}

type Death = Pick<Row, 'firstS' | 'allS' | 'downS' | 'backS'>

/** One host is killed without a word: nothing listens, and nothing says so. */
function death(cluster: MembershipCluster, victim: string): Death {
  const uid = cluster.host(victim).uid
  cluster.network.isolate(victim)
  cluster.kill(victim)
  const startMs = cluster.clock.now()
  const views = new Map<string, string>()
  let [firstS, allS, downS] = [0, 0, 0]
  let down = 0
  cluster.onOpinion = ({ uid: of, by, state, atMs }) => {
    if (of !== uid || state === 'up') return
    const afterS = (atMs - startMs) / 1_000
    if (views.size === 0) firstS = afterS
    if (!views.has(by)) allS = afterS
    if (state === 'down') down++
    downS = afterS
    views.set(by, state)
  }
  const others = cluster.running.length
  cluster.until(() => down === others, 120_000, 100)
  cluster.onOpinion = undefined
  cluster.network.heal()
  cluster.start(victim)
  return { firstS, allS, downS, backS: secondsUntil(cluster, () => cluster.isConverged(), 120) }
}

/** Halves are parted for a minute. */
function healing(cluster: MembershipCluster, hosts: number): number {
  const half = Math.floor(hosts / 2)
  cluster.network.partition([cluster.names.slice(0, half), cluster.names.slice(half)])
  cluster.run(60_000)
  cluster.network.heal()
  return secondsUntil(cluster, () => cluster.isConverged(), 300)
}

function measure(hosts: number): Row {
  const cluster = startedCluster(hosts, 0)
  const before = bytesOut(cluster)
  cluster.run(seconds * 1_000)
  const rates = bytesOut(cluster).map((bytes, index) => (bytes - (before[index] as number)) / seconds)
  const deaths = Array.from({ length: parts.has('deaths') ? victims : 0 }, (_, index) => death(cluster, `h${index + 2}`))
  const mean = (of: (one: Death) => number): number => deaths.reduce((sum, one) => sum + of(one), 0) / deaths.length
  const healS = parts.has('heal') ? healing(cluster, hosts) : Number.NaN
  return {
    hosts,
    restartS: parts.has('restart') ? restart(cluster) : Number.NaN,
    bytesPerHostS: rates.reduce((sum, rate) => sum + rate, 0) / rates.length,
    bytesWorstHostS: Math.max(...rates),
    firstS: mean(one => one.firstS),
    allS: mean(one => one.allS),
    downS: mean(one => one.downS),
    backS: mean(one => one.backS),
    healS,
    wrong: losses.map(loss => wrongAt(hosts, loss))
  }
}

function wrongAt(hosts: number, loss: number): Row['wrong'][number] {
  const cluster = startedCluster(hosts, loss)
  const suspected = new Set<string>()
  const downs = new Set<string>()
  cluster.onOpinion = ({ uid, state, atMs }) => {
    // One suspicion is seen by many hosts within moments.
    const id = `${uid} ${Math.floor(atMs / 10_000)}`
    if (state === 'suspect') suspected.add(id)
    if (state === 'down') downs.add(id)
  }
  cluster.run(seconds * 1_000)
  const hostHours = (hosts * seconds) / 3_600
  return { loss, suspicions: suspected.size / hostHours, downs: downs.size / hostHours }
}

const rows = sizes.map(measure)
if (asJson) process.stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`)
else {
  process.stdout.write(
    'How soon is a dead host noticed, how often a live one by mistake, and what does it cost? Seconds; bytes a host.\n'
  )
  const print = (cells: readonly (string | number)[]): void =>
    void process.stdout.write(
      `| ${cells.map(cell => (typeof cell === 'number' ? String(Math.round(cell * 100) / 100) : cell)).join(' | ')} |\n`
    )
  print([
    'hosts',
    'first',
    'all',
    'down',
    'back',
    'restart',
    'heal',
    'B/s',
    'B/s worst',
    ...losses.map(loss => `wrong at ${loss}`)
  ])
  for (const row of rows) {
    print([
      row.hosts,
      row.firstS,
      row.allS,
      row.downS,
      row.backS,
      row.restartS,
      row.healS,
      Math.round(row.bytesPerHostS),
      Math.round(row.bytesWorstHostS),
      ...row.wrong.map(({ suspicions, downs }) => `${suspicions.toFixed(2)} / ${downs.toFixed(2)}`)
    ])
  }
}
