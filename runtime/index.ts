/** The actor runtime as a library of its own: what `carillon/runtime` exports. */
export {
  type Address,
  actorOf,
  addressOf,
  type Bus,
  type BusFigures,
  type Envelope,
  everyHost,
  hostOf,
  isToken,
  type Lane,
  type Message,
  type Receiver,
  type Ref,
  type ThreadAddress,
  threadAddressOf,
  threadOf,
  type UndeliveredReason
} from '../bus/bus.ts'
export type {
  ActorDescription,
  ActorSpec,
  AnyBehaviour,
  Behaviour,
  ChildSpec,
  Context,
  RestartType,
  SupervisorSpec,
  TimerId
} from './actor.ts'
export { ActorSystem, type ActorSystemOptions, type Gateway } from './actor-system.ts'
export { Shutdown } from './child.ts'
export type { Cancellable, Clock } from './clock.ts'
export type { CrashReport } from './crash.ts'
export { type JobOptions, JobPool, type JobPoolOptions, type JobResult } from './jobs.ts'
export { type Log, type LogFields, silentLog } from './log.ts'
export {
  type Counter,
  durationBounds,
  type Gauge,
  type Histogram,
  type Labels,
  MetricRegistry,
  type Metrics,
  type MetricSnapshot,
  type SeriesSnapshot,
  silentMetrics
} from './metrics.ts'
export { PortBus, PortExchange } from './port-bus.ts'
export { prometheusContentType, prometheusText } from './prometheus.ts'
export { type Random, SeededRandom, systemRandom } from './random.ts'
export { undeliveredKind, type UndeliveredMessage } from './signal.ts'
export { checkSpecification } from './supervision.ts'
export { systemClock } from './system-clock.ts'
export type { Sighting, Tap } from './taps.ts'
export { incarnationsFrom, ThreadGroup, type ThreadGroupOptions, type ThreadGroupSpec } from './thread-group.ts'
export type { LogLevel } from './thread-protocol.ts'
export { newSpanContext, parseTraceparent, startSpan, traceparentOf } from './trace.ts'
export { HostClock, VirtualClock } from './virtual-clock.ts'
export { type ThreadConfig, type ThreadEnd, type ThreadSpec, WorkerHost, type WorkerHostOptions } from './worker-host.ts'
export { runThread, type Seat, type ThreadProgram } from './worker-thread.ts'
