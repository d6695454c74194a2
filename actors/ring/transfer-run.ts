import type { Key } from '../../model/key.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import type { VnodeReply } from '../vnode/vnode-protocol.ts'

/** One source to be read to its end. */
export interface Run {
  /** New with each fetch, so that late replies to an earlier one find nothing. */
  id: number
  readonly partition: number
  /** Its uid. */
  readonly source: number
  /** What the vnode here knows it by, from its first page to its last. */
  intake: string
  after: Key | undefined
  /** Being taken over; undefined: it has not come. */
  page: Page | undefined
  attempt: number
  /** The source has damaged records that do not get mended: its floors say too much. */
  isWithoutFloors: boolean
  /** Nothing is here behind `after`. */
  isBlank: boolean
  /** What is here changed while the page was asked for: it comes with whole records. */
  hasChanged: boolean
}

export type Page = Extract<VnodeReply, { kind: 'page' }>

export function runOf(partition: number, source: number): Run {
  return {
    id: 0,
    partition,
    source,
    intake: '',
    after: undefined,
    page: undefined,
    attempt: 0,
    isWithoutFloors: false,
    isBlank: false,
    hasChanged: false
  }
}

/** What a page took on its way. */
export function bytesOf({ pairs }: Page): number {
  return pairs.reduce((sum, { key, siblings }) => sum + key.length + siblings.length, 0)
}

/** @returns records that came whole */
export function countRecords({ pairs }: Page, metrics: Metrics): number {
  const whole = pairs.reduce((sum, { siblings }) => (siblings.length > 0 ? sum + 1 : sum), 0)
  const help =
    'Records of partitions that this host takes over: those that came (whole), and those that were here already (known)'
  metrics.counter('transfer_records_total', help, { form: 'whole' }).add(whole)
  metrics.counter('transfer_records_total', help, { form: 'known' }).add(pairs.length - whole)
  return whole
}
