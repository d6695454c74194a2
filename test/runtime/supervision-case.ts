import t from 'tap'
import type { ActorDescription, ActorSpec, ChildSpec, RestartType, SupervisorSpec } from '../../runtime/actor.ts'
import { Shutdown } from '../../runtime/child.ts'
import { actor, type ProbeMessage, refOf, type Rig, rig, tell } from './rig.ts'

/**
 * One case of supervision: a tree, what happens to it, and what is seen of it. Whole trees and events are words, so that a case
 * is read in one look.
 */
export interface SupervisionCase {
  /** The case of OTP's supervisor_SUITE that it is, or comes nearest to. */
  readonly otp: string
  readonly name: string
  readonly tree: Sketch
  /**
   * `b crash`, `b fail` (exits with an error), `b exit` (as done), `b shutdown` (in order), `b busy`, `b idle`, `b fails 2` (its next
   * starts fail), `wait 100`, `pool add x?`, `pool remove x`, `stop` (the whole tree).
   */
  readonly events: readonly string[]
  /** After the first start: `+a` started, `!a` failed to start, `-a REASON` ended. */
  readonly history: string
  /** The actors that run in the end, in the order of the tree. */
  readonly alive: string
  /** The tree as a whole gave up. */
  readonly gaveUp?: boolean
  /** Crash reports; default: as many as actors ended by an error or failed to start. */
  readonly crashes?: number
}

/** A supervisor. Actors are words: `a` is permanent, `a?` transient, `a!` temporary. */
export interface Sketch {
  readonly strategy?: SupervisorSpec['strategy']
  readonly name?: string
  readonly intensity?: number
  readonly periodMs?: number
  readonly backoff?: SupervisorSpec['backoff']
  readonly restart?: RestartType
  /** Of actors by name; default: as the runtime has it. */
  readonly shutdownMs?: Readonly<Record<string, number>>
  readonly children: readonly (string | Sketch)[]
}

interface Stage {
  readonly history: string[]
  readonly failures: Map<string, { start: number }>
  readonly busy: Set<string>
}

const restartBySign: Readonly<Record<string, RestartType>> = { '?': 'transient', '!': 'temporary' }

function actorOf(word: string, stage: Stage, shutdownMs: Sketch['shutdownMs']): ActorSpec {
  const restart = restartBySign[word.at(-1)!] ?? 'permanent'
  const name = restart === 'permanent' ? word : word.slice(0, -1)
  let failures = stage.failures.get(name)
  if (failures === undefined) stage.failures.set(name, (failures = { start: 0 }))
  const patience = shutdownMs?.[name]
  return actor(
    name,
    { history: stage.history, failures, idle: () => !stage.busy.has(name) },
    { restart, ...(patience === undefined ? {} : { shutdownMs: patience }) }
  )
}

function specOf(sketch: Sketch, stage: Stage): SupervisorSpec {
  const { strategy = 'one-for-one', name = 'root', intensity = 3, periodMs = 5_000, backoff, restart, shutdownMs } = sketch
  const children = sketch.children.map(
    (child): ChildSpec => (typeof child === 'string' ? actorOf(child, stage, shutdownMs) : specOf(child, stage))
  )
  return {
    type: 'supervisor',
    name,
    strategy,
    intensity,
    periodMs,
    children,
    ...(backoff === undefined ? {} : { backoff }),
    ...(restart === undefined ? {} : { restart })
  }
}

const exits: Readonly<Record<string, () => ProbeMessage>> = {
  crash: () => ({ kind: 'crash' }),
  fail: () => ({ kind: 'fail' }),
  exit: () => ({ kind: 'exit' }),
  shutdown: () => ({ kind: 'do', work: context => context.exit(new Shutdown('it is told to')) })
}

function happen(event: string, r: Rig, stage: Stage): void {
  const [subject = '', verb = '', object = ''] = event.split(' ')
  const exit = exits[verb]
  if (exit !== undefined) tell(r, subject, exit())
  else if (subject === 'wait') r.clock.advance(Number(verb))
  else if (subject === 'stop') void r.system.stop()
  else if (verb === 'fails') stage.failures.get(subject)!.start = Number(object)
  else if (verb === 'busy') stage.busy.add(subject)
  else if (verb === 'idle') idle(subject, r, stage)
  else if (verb === 'add') r.system.startChild(subject, actorOf(object, stage, undefined))
  else if (verb === 'remove') r.system.stopChild(subject, object)
  else throw new RangeError(`no such event: ${event}`)
  r.clock.advance(0)
}

/** As an actor becomes idle in life: by something that it was told. */
function idle(subject: string, r: Rig, stage: Stage): void {
  stage.busy.delete(subject)
  r.system.signal(refOf(r, subject), { kind: 'do', work: () => undefined })
}

export function supervisionCase({ otp, name, tree, events, history, alive, gaveUp = false, crashes }: SupervisionCase): void {
  t.test(`I21: ${otp}: ${name}`, async t => {
    const stage: Stage = { history: [], failures: new Map(), busy: new Set() }
    const spec = specOf(tree, stage)
    // Failures of the first start come before it.
    const before = events.filter(event => event.startsWith('first:'))
    for (const event of before) happen(event.slice('first:'.length), rig(), stage)
    const r = rig()
    let refusal: unknown
    try {
      r.system.start(spec)
    } catch (error) {
      refusal = error
    }
    const first = before.length > 0 ? 0 : stage.history.length
    for (const event of events.slice(before.length)) happen(event, r, stage)
    t.equal(stage.history.slice(first).join(' '), history)
    t.equal(living(r.system.describe()).join(' '), alive)
    t.equal(r.gaveUp.length, gaveUp ? 1 : 0)
    if (before.length > 0) t.match(refusal, { message: /did not start: its child/ })
    else t.equal(refusal, undefined)
    const failures = stage.history.filter(entry => entry.startsWith('!') || entry.endsWith(' Error')).length
    t.equal(r.crashes.length, crashes ?? failures, 'crash reports')
    if (alive !== '') return
    r.clock.advance(60_000)
    t.equal(r.clock.waiting, 0, 'no timer is left behind')
  })
}

function living(description: ActorDescription): string[] {
  if (description.kind !== 'supervisor') return description.state === 'running' ? [description.name] : []
  return description.children.flatMap(living)
}
