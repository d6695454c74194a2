import { floorMessages } from './background-load.ts'
import { clusterLimits, passedAt, ringMs } from './cluster-limits.ts'
import type { ClusterPlan } from './cluster-plan.ts'
import type { CountedRow, RingRow } from './counted-row.ts'
import { forwardsOf } from './request-load.ts'
import { gossipLoad } from './gossip-load.ts'
import type { Prediction } from './prediction.ts'
import { peersOf, ringBytes } from './ring-load.ts'
import type { ServiceTimes } from './service-times.ts'

type Cell = string | number

/** A Markdown table, which is text enough for a terminal. */
export function tableText(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const line = (cells: readonly Cell[]): string => `| ${cells.join(' | ')} |`
  return [line(head), `|${head.map((_, column) => (column === 0 ? '---' : '--:')).join('|')}|`, ...rows.map(line)].join('\n')
}

/** Counted, and behind a slash what the model says of it. */
export function countedTable(rows: readonly CountedRow[], predictionOf: (row: CountedRow) => Prediction): string {
  const head = [
    'hosts',
    'put',
    'get',
    'put of anyone',
    'get of anyone',
    'gossip, messages/s',
    'gossip, B/s',
    'repair, messages/s',
    'within a host, messages/s',
    'peers',
    'fullest host'
  ]
  return tableText(
    head,
    rows.map(row => {
      const { plan, put, get, background, unevenness } = predictionOf(row)
      const forwards = forwardsOf(plan)
      const gossip = gossipLoad(row.hosts)
      return [
        row.hosts,
        pair(row.put, put.messages),
        pair(row.get, get.messages),
        pair(row.putOfAnyone, put.messages + forwards),
        pair(row.getOfAnyone, get.messages + forwards),
        pair(row.gossipMessages, gossip.messages),
        `${whole(row.gossipBytes)} / ${whole(gossip.bytes)}`,
        pair(row.repairMessages, background.exchanges),
        pair(row.withinMessages, background.within, 1),
        pair(row.peers, peersOf(plan), 1),
        `${row.unevenness.toFixed(2)} / ≤ ${unevenness.toFixed(2)}`
      ]
    })
  )
}

export function ringTable(rows: readonly RingRow[], times: ServiceTimes): string {
  return tableText(
    ['hosts', 'partitions', 'CPU, ms', 'model, ms', 'peers', 'fullest host', 'hosts without data'],
    rows.map(row => [
      whole(row.hosts),
      whole(row.partitions),
      whole(row.cpuMs),
      whole((times.ringPair * row.partitions * row.hosts) / 1_000),
      row.peers.toFixed(1),
      row.unevenness.toFixed(2),
      row.without
    ])
  )
}

export function predictionTable(predictions: readonly Prediction[]): string {
  const head = [
    'hosts',
    'partitions',
    'puts/s',
    'gets/s',
    'half and half',
    'of 3 hosts’, per host',
    'held by',
    'NATS messages, put / get',
    'CPU µs, put / get',
    'fixed CPU',
    'while one is away',
    'limits passed (bold: something breaks)'
  ]
  const [first] = predictions
  return tableText(
    head,
    predictions.map(prediction => {
      const { plan, put, get, throughput } = prediction
      const share = first === undefined ? 1 : throughput / plan.hosts / (first.throughput / first.plan.hosts)
      return [
        whole(plan.hosts),
        whole(plan.partitions),
        thousands(prediction.puts),
        thousands(prediction.gets),
        thousands(throughput),
        percent(share, 0),
        prediction.bottleneck,
        `${put.batches.toFixed(1)} / ${get.batches.toFixed(1)}`,
        `${whole(put.hostsUs + put.natsUs)} / ${whole(get.hostsUs + get.natsUs)}`,
        percent(prediction.fixedShare, 2),
        percent(prediction.fixedShareAway, 2),
        prediction.passed.map(({ name, effect }) => (effect === 'breaks' ? `**${name}**` : name)).join('; ') || '–'
      ]
    })
  )
}

export function sizeTable(predictions: readonly Prediction[], times: ServiceTimes): string {
  const head = [
    'hosts',
    'partitions',
    'partitions a host',
    'routes a server',
    'routes in all',
    'routes, MB a server',
    'peers',
    'ring by bus, KB',
    'ring as JSON, KB',
    'ring, CPU ms',
    'exchanges/s',
    'handoffs/s',
    'gossip, B/s',
    'gossip for a join, KB',
    'floors, messages/s'
  ]
  return tableText(
    head,
    predictions.map(({ plan, background }) => {
      const bytes = ringBytes(plan)
      const gossip = gossipLoad(plan.hosts)
      return [
        whole(plan.hosts),
        whole(plan.partitions),
        ((plan.partitions * Math.min(plan.replicas, plan.hosts)) / plan.hosts).toFixed(1),
        whole(background.routes),
        whole((plan.hosts * background.routes) / 2),
        whole((background.routes * times.routeBytes) / 1e6),
        peersOf(plan).toFixed(1),
        whole(bytes.bus / 1_000),
        whole(bytes.json / 1_000),
        whole(ringMs(plan, times)),
        background.exchanges.toFixed(2),
        background.handoffs.toFixed(2),
        whole(gossip.bytes),
        whole(gossip.bytesPerJoin / 1_000),
        whole(floorMessages(plan))
      ]
    })
  )
}

/** @param planFor two ways to choose the partitions, by name */
export function limitTable(planFor: Readonly<Record<string, (hosts: number) => ClusterPlan>>, times: ServiceTimes): string {
  const names = Object.keys(planFor)
  return tableText(
    ['limit', 'formula', 'effect', ...names],
    clusterLimits.map(limit => [
      limit.name,
      limit.formula,
      limit.effect,
      ...names.map(name => {
        const hosts = passedAt(limit, planFor[name]!, times)
        return hosts === undefined ? '–' : whole(hosts)
      })
    ])
  )
}

function pair(counted: number, modelled: number, digits = 2): string {
  return `${counted.toFixed(digits)} / ${modelled.toFixed(digits)}`
}

function whole(number: number): string {
  return Math.round(number).toLocaleString('en-US')
}

function thousands(number: number): string {
  return `${Math.round(number / 1_000).toLocaleString('en-US')} k`
}

function percent(share: number, digits: number): string {
  return `${(share * 100).toFixed(digits)} %`
}
