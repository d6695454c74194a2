import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import { type FloorWitness, provenFloor } from '../../model/floor.ts'
import { descends, type VersionVector } from '../../model/version-vector.ts'
import type { Context } from '../../runtime/actor.ts'
import { type FloorAgentMessage, floorAgentName } from './floor-agent-protocol.ts'
import { classesHash, classesIn, type KeyClasses } from '../vnode/key-classes.ts'
import { epochOfAll, ownersOfAll } from './floor-owners.ts'
import { type HostView, hostsOfAll, type RingView, vnodeAddressOf } from '../ring/ring-view.ts'
import type { SystemResources } from '../system-resources.ts'
import type { VnodeMessage, VnodeReply } from '../vnode/vnode-protocol.ts'
import type { TreeRoot } from '../vnode/merkle-protocol.ts'

type Phase = 'before' | 'guard' | 'prepare' | 'roots' | 'raise' | 'sweep'
type RoundContext = Context<never, SystemResources>

/** What became of a round, when it is over. */
export interface RoundEnd {
  /** '' where it went through. */
  readonly why: string
  readonly purged: number
}

const askMs = 10_000

/**
 * One attempt to prove a floor for the keys of one class in one partition, and to purge what it covers.
 *
 *     before    all owners: roots, equal
 *     guard     all hosts: no hints of the partition, no records where it is not owned; who mints, and how far
 *     prepare   all owners: take note of what comes from now on
 *     roots     all owners: equal still
 *     raise     all owners keep the floor, flushed, unless something came that it would be wrong for
 *     sweep     all owners erase the tombstones that it covers
 *
 * Whatever does not fit ends the round without harm: what was raised is true, and what was not is raised another time.
 * @see docs/decisions/0009-tombstones-by-floors.md
 */
export class FloorRound {
  readonly partition: number
  readonly n: number
  readonly #view: RingView
  readonly #classes: KeyClasses
  readonly #owners: readonly HostView[]
  #phase: Phase = 'before'
  /** Who is asked in this phase, and what they answered. */
  #asked: readonly HostView[] = []
  #replies: (VnodeReply | undefined)[] = []
  #seenBefore: VersionVector[] = []
  #minting: number[] = []
  #tokens: string[] = []
  #floors: VersionVector[] = []
  #end: RoundEnd | undefined

  constructor(partition: number, n: number, owners: readonly HostView[], view: RingView, classes: KeyClasses) {
    this.partition = partition
    this.n = n
    this.#view = view
    this.#classes = classes
    this.#owners = owners
  }

  get end(): RoundEnd | undefined {
    return this.#end
  }

  get phase(): Phase {
    return this.#phase
  }

  /** @param refOf a reference under which the answer of the slot comes back */
  start(refOf: (slot: number) => Ref<VnodeReply>, context: RoundContext): void {
    this.#enter('before', this.#owners, refOf, context)
  }

  replied(slot: number, reply: VnodeReply, refOf: (slot: number) => Ref<VnodeReply>, context: RoundContext): void {
    const host = this.#asked[slot]
    if (this.#end !== undefined || host === undefined || this.#replies[slot] !== undefined) return
    if (reply.kind === 'failed') return this.#stop(`${host.name}: ${reply.fault.detail}`)
    this.#replies[slot] = reply
    for (let index = 0; index < this.#asked.length; index++) if (this.#replies[index] === undefined) return
    this.#proceed(refOf, context)
  }

  /** No answer in time, or a phase that does not fit any more. */
  give(why: string): void {
    const missing = this.#asked.filter((_, slot) => this.#replies[slot] === undefined).map(host => host.name)
    this.#stop(missing.length === 0 ? why : `${why}: ${missing.join(', ')}`)
  }

  #stop(why: string): void {
    this.#end ??= { why: `${this.#phase}: ${why}`, purged: 0 }
  }

  #enter(phase: Phase, hosts: readonly HostView[], refOf: (slot: number) => Ref<VnodeReply>, context: RoundContext): void {
    this.#phase = phase
    this.#asked = hosts
    this.#replies = new Array<VnodeReply | undefined>(hosts.length).fill(undefined)
    for (const [slot, host] of hosts.entries()) this.#ask(slot, host, refOf(slot), context)
  }

  #ask(slot: number, host: HostView, replyTo: Ref<VnodeReply>, context: RoundContext): void {
    const { partition, n } = this
    if (this.#phase === 'guard') {
      const agent = addressOf(threadAddressOf(host.name, 'system'), floorAgentName)
      const to: Ref<FloorAgentMessage> = { address: agent, correlation: 0, incarnation: 0 }
      return context.send(to, { kind: 'ask-guard', epoch: epochOfAll(this.#view), partition, replyTo }, askMs)
    }
    const to: Ref<VnodeMessage> = { address: vnodeAddressOf(host, partition), correlation: 0, incarnation: 0 }
    const classes = this.#classes
    switch (this.#phase) {
      case 'before':
      case 'roots':
        return context.send(to, { kind: 'roots', classes, replyTo }, askMs)
      case 'prepare':
        return context.send(to, { kind: 'prepare-floor', n, replyTo }, askMs)
      case 'raise':
        return context.send(
          to,
          { kind: 'raise-floor', n, classes, token: this.#tokens[slot]!, floor: this.#floors[0]!, replyTo },
          askMs
        )
      case 'sweep':
        return context.send(to, { kind: 'sweep', replyTo }, askMs * 6)
    }
  }

  #proceed(refOf: (slot: number) => Ref<VnodeReply>, context: RoundContext): void {
    switch (this.#phase) {
      case 'before': {
        const seen = this.#equalRoots()
        if (seen === undefined) return
        this.#seenBefore = seen
        return this.#enter('guard', hostsOfAll(this.#view), refOf, context)
      }
      case 'guard':
        if (!this.#guarded()) return
        return this.#enter('prepare', this.#owners, refOf, context)
      case 'prepare':
        for (const reply of this.#replies) {
          if (reply?.kind !== 'floor-prepared') return this.#stop('an answer of another kind')
          this.#tokens.push(reply.token)
          this.#floors.push(reply.floor)
        }
        return this.#enter('roots', this.#owners, refOf, context)
      case 'roots': {
        const seen = this.#equalRoots()
        if (seen === undefined) return
        const witnesses = this.#floors.map(
          (floor, slot): FloorWitness => ({ floor, seen: seen[slot]!, seenBefore: this.#seenBefore[slot]! })
        )
        const floor = provenFloor(witnesses, this.#minting)
        const isKept = this.#floors.every(kept => descends(kept, floor))
        this.#floors = [floor]
        return this.#enter(isKept ? 'sweep' : 'raise', this.#owners, refOf, context)
      }
      case 'raise':
        return this.#enter('sweep', this.#owners, refOf, context)
      case 'sweep': {
        let purged = 0
        for (const reply of this.#replies) if (reply?.kind === 'swept') purged += reply.purged
        this.#end = { why: '', purged }
      }
    }
  }

  #guarded(): boolean {
    for (const [slot, reply] of this.#replies.entries()) {
      if (reply?.kind !== 'floor-guarded') {
        this.#stop('an answer of another kind')
        return false
      }
      if (reply.restore === true) {
        this.#stop(`a restore is open at ${this.#asked[slot]?.name}: carillon restore DIR goes on with it, --close gives it up`)
        return false
      }
      if (reply.hints) {
        this.#stop(`${this.#asked[slot]?.name} keeps hints of the partition that are not delivered`)
        return false
      }
      if (reply.records && this.#ownsNothing(this.#asked[slot])) {
        this.#stop(`${this.#asked[slot]?.name} keeps records of the partition, and owns nothing of it any more`)
        return false
      }
      this.#minting.push(...reply.ids)
    }
    return true
  }

  /** For no class of keys: what it has may be what no owner has. */
  #ownsNothing(host: HostView | undefined): boolean {
    const n = Math.max(...classesIn(this.#classes))
    return !ownersOfAll(this.#view, this.partition, n).some(each => each.name === host?.name)
  }

  /** @returns what each has seen; undefined where they are not equal */
  #equalRoots(): VersionVector[] | undefined {
    const hash = classesHash(this.#classes)
    const roots: TreeRoot[] = []
    for (const [slot, reply] of this.#replies.entries()) {
      const root = reply?.kind === 'roots' && reply.classes === hash ? reply.trees.find(tree => tree.n === this.n) : undefined
      const name = this.#asked[slot]?.name
      if (reply?.kind !== 'roots' || root === undefined) {
        this.#stop(`${name} has no tree of these keys`)
        return undefined
      }
      if (reply.corrupt > 0) {
        this.#stop(`${name} has damaged records`)
        return undefined
      }
      roots.push(root)
    }
    const first = roots[0]!
    if (roots.some(root => root.high !== first.high || root.low !== first.low || root.keys !== first.keys)) {
      this.#stop('the owners differ: an exchange or a write is to come first')
      return undefined
    }
    return roots.map(root => root.seen)
  }
}
