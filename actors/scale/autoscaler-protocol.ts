import type { AutoscaleSettings } from '../../model/autoscale/autoscale.ts'

/** What an autoscaler is told. Its targets and bounds are the same on all hosts, for any of them may come to do it. */
export interface ScaleSettings extends AutoscaleSettings {
  /** From one look to the next. */
  readonly periodMs: number
}

/** What is asked of whoever starts hosts and takes them away. */
export interface ScaleOrder {
  readonly cluster: string
  /** So many hosts there shall be. */
  readonly hosts: number
  /** So many there are. */
  readonly present: number
  /** A sentence's end: what made it ask. */
  readonly why: string
  /** The host that has left the ring already, where there shall be fewer; '' else. */
  readonly left: string
}
