import type { Bus, Message, Ref } from '../../bus/bus.ts'
import type { ActorSpec, AnyBehaviour, Behaviour, Context, SupervisorSpec } from '../../runtime/actor.ts'
import { ActorSystem, type Gateway } from '../../runtime/actor-system.ts'
import type { CrashReport } from '../../runtime/crash.ts'
import { silentLog } from '../../runtime/log.ts'
import { MetricRegistry } from '../../runtime/metrics.ts'
import { SeededRandom } from '../../runtime/random.ts'
import { type HostClock, VirtualClock } from '../../runtime/virtual-clock.ts'

export interface Rig {
  readonly clock: VirtualClock
  readonly hostClock: HostClock
  readonly system: ActorSystem<undefined>
  readonly metrics: MetricRegistry
  readonly crashes: CrashReport[]
  readonly gaveUp: Error[]
}

export interface RigOptions {
  readonly clock?: VirtualClock
  readonly host?: string
  readonly thread?: string
  readonly bus?: Bus
  readonly gateways?: ReadonlyMap<string, Gateway>
  readonly incarnationBase?: number
  readonly seed?: number
  readonly gatherFrom?: number
}

/** A thread on virtual time. */
export function rig(options: RigOptions = {}): Rig {
  const clock = options.clock ?? new VirtualClock()
  const host = options.host ?? 'h'
  const hostClock = clock.host(host)
  const metrics = new MetricRegistry()
  const crashes: CrashReport[] = []
  const gaveUp: Error[] = []
  const system = new ActorSystem<undefined>({
    host,
    thread: options.thread ?? 't',
    clock: hostClock,
    random: new SeededRandom(options.seed ?? 1),
    ...(options.bus === undefined ? {} : { bus: options.bus }),
    ...(options.gateways === undefined ? {} : { gateways: options.gateways }),
    ...(options.gatherFrom === undefined ? {} : { gatherFrom: options.gatherFrom }),
    resources: undefined,
    log: silentLog,
    metrics,
    incarnationBase: options.incarnationBase ?? 0,
    onCrash: report => crashes.push(report),
    onGiveUp: error => gaveUp.push(error)
  })
  return { clock, hostClock, system, metrics, crashes, gaveUp }
}

export type ProbeMessage =
  | { readonly kind: 'ping'; readonly replyTo?: Ref<Message> }
  | { readonly kind: 'crash' }
  | { readonly kind: 'exit' }
  | { readonly kind: 'fail' }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'do'; readonly work: (context: Context<ProbeMessage, undefined>) => void }

export interface ProbeArgs {
  readonly history: string[]
  /** How often `start` fails before it succeeds; counts over all that share the object. */
  readonly failures?: { start: number }
  readonly idle?: () => boolean
}

interface ProbeState {
  readonly args: ProbeArgs
  readonly name: string
}

/** Writes down its starts, messages and ends: `+a`, `a:ping`, `-a normal`. */
export const probe: Behaviour<ProbeState, ProbeMessage, ProbeArgs, undefined> = {
  kind: 'probe',
  start(args, context) {
    if (args.failures !== undefined && args.failures.start > 0) {
      args.failures.start -= 1
      args.history.push(`!${context.name}`)
      throw new Error(`${context.name} does not start`)
    }
    args.history.push(`+${context.name}`)
    return { args, name: context.name }
  },
  receive(state, message, context) {
    switch (message.kind) {
      case 'crash':
        throw new Error(`${state.name} crashes`)
      case 'exit':
        context.exit('normal')
        return
      case 'fail':
        context.exit(new Error(`${state.name} fails`))
        return
      case 'do':
        message.work(context)
        return
      case 'note':
        state.args.history.push(`${state.name}:${message.text}`)
        return
      case 'ping':
        state.args.history.push(`${state.name}:ping`)
        if (message.replyTo !== undefined) context.send(message.replyTo, { kind: 'pong' })
    }
  },
  undelivered(state, reason, context) {
    state.args.history.push(`${state.name}?${context.correlation} ${reason}`)
  },
  idle(state) {
    return state.args.idle?.() ?? true
  },
  stop(state, reason) {
    state.args.history.push(`-${state.name} ${reason instanceof Error ? reason.name : reason}`)
  },
  summary(state) {
    return { name: state.name }
  }
}

export function actor(name: string, args: ProbeArgs, options: Partial<ActorSpec> = {}): ActorSpec {
  return { type: 'actor', name, behaviour: probe as AnyBehaviour, args, ...options }
}

export function root(children: SupervisorSpec['children'], options: Partial<SupervisorSpec> = {}): SupervisorSpec {
  return { type: 'supervisor', name: 'root', strategy: 'one-for-one', intensity: 3, periodMs: 5_000, children, ...options }
}

/** The reference of an actor that is known to be there. */
export function refOf(r: Rig, name: string): Ref<ProbeMessage> {
  const ref = r.system.lookup<ProbeMessage>(name)
  if (ref === undefined) throw new Error(`no actor ${name}`)
  return ref
}

export function tell(r: Rig, name: string, message: ProbeMessage, ms = 0): void {
  r.system.send(refOf(r, name), message)
  r.clock.advance(ms)
}
