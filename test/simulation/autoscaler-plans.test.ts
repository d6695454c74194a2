import t from 'tap'
import type { PlanOrder } from '../../actors/gossip/gossip-protocol.ts'
import { isGone } from '../../model/membership.ts'
import { type KeptPlan, planIn } from '../../model/plan.ts'
import { Plant, settings } from './autoscaler-plant.ts'
import { crashesOf } from './exchange-cluster.ts'
import { Operator } from './operator.ts'
import { PlansRig } from './plans-cluster.ts'

/** Four hosts, at first as busy as they should be, and an operator beside the autoscaler. */
class Site {
  readonly plant: Plant
  readonly #operator: Operator

  constructor(seed: number) {
    this.plant = new Plant(seed, 4)
    this.#operator = new Operator(this.plant.cluster)
    this.plant.load = 1.9
    this.plant.cluster.clock.advance(30_000)
  }

  order(host: string, order: PlanOrder): string {
    return this.#operator.say(host, replyTo => ({ kind: 'plan', order, replyTo }))
  }

  /** As `host` sees it. */
  plan(host: string): KeptPlan | undefined {
    return planIn(this.plant.cluster.machine(host).saved?.members ?? [])
  }

  standing(name: string): string | undefined {
    const machine = this.plant.cluster.machines.find(each => each.name === name)
    if (machine === undefined) return undefined
    const { saved, uid } = machine
    const row = saved?.members.find(member => member.uid === uid)
    return row === undefined || isGone(row.state) ? row?.state : row.isWaiting === true ? 'waiting' : row.standing
  }

  /** So far, whoever submitted them. */
  get submitted(): readonly number[] {
    return [...this.#seen]
  }

  readonly #seen = new Set<number>()

  /** Seconds, while plans are counted. */
  run(seconds: number): void {
    this.until(() => false, seconds)
  }

  until(holds: () => boolean, seconds: number): boolean {
    // In short steps: hosts without data leave in no time.
    const counted = (): boolean => {
      for (const { name } of this.plant.cluster.present) {
        const plan = this.plan(name)?.plan
        if (plan?.by !== undefined) this.#seen.add(plan.id)
      }
      return holds()
    }
    return this.plant.cluster.simulation.runUntil(counted, seconds * 1_000, 40)
  }
}

t.test(
  'autoscaler: load falls → it submits a plan of one leave, committed and marked as its own, and waits for its end',
  async t => {
    const site = new Site(11)
    site.plant.load = 0.4
    t.ok(site.until(() => site.plan('h2') !== undefined, 60))
    const { keeper, plan } = site.plan('h2')!
    t.match(plan, { by: 'autoscaler', isCommitted: true, changes: [{ kind: 'leave' }] })
    t.equal(keeper.name, 'h1', 'on the host on which it runs')
    t.ok(site.until(() => site.plant.cluster.machine('h4').hasLeft, 60))
    t.ok(site.until(() => site.plant.orders.length === 1 && site.plan('h2') === undefined, 30))
    t.match(site.plant.orders[0]?.order, { hosts: 3, left: 'h4' })
    t.equal(site.submitted.length, 1)
    t.same(crashesOf(site.plant.cluster), [])
  }
)

t.test(
  'autoscaler: an operator has staged something → it leaves that alone for as long as it is there, then rests, then goes on',
  async t => {
    const site = new Site(12)
    t.equal(site.order('h3', { what: 'stage', change: { kind: 'weight', host: 'h2', weight: 2 } }), '')
    const staged = JSON.stringify(site.plan('h3'))
    site.plant.load = 0.4
    site.run(120)
    t.equal(
      JSON.stringify(site.plan('h3')?.plan),
      JSON.stringify(JSON.parse(staged).plan),
      'nothing was added, nothing committed'
    )
    t.same(site.plant.orders, [])
    t.same(site.submitted, [])
    t.equal(site.order('h3', { what: 'pause' }), '')
    t.equal(site.order('h3', { what: 'commit' }), '')
    site.run(60)
    t.equal(site.plan('h1')?.plan.isPaused, true, 'nor is what is paused resumed')
    t.same(site.submitted, [])
    t.equal(site.order('h2', { what: 'abort' }), '')
    site.run(settings.cooldownMs / 1_000 - 2)
    t.same(site.submitted, [], 'it rests')
    t.ok(site.until(() => site.plant.cluster.machine('h4').hasLeft, 90))
    t.same(crashesOf(site.plant.cluster), [])
  }
)

t.test(
  'autoscaler: an operator aborts what it submitted → the host stays, no leave is submitted for a while, growing goes on',
  async t => {
    const site = new Site(13)
    site.plant.load = 0.4
    t.ok(site.until(() => site.plan('h2') !== undefined, 60))
    t.equal(site.order('h2', { what: 'pause' }), '')
    site.run(20)
    t.equal(site.plant.up, 4, 'paused, it does not end')
    t.equal(site.submitted.length, 1)
    t.equal(site.order('h3', { what: 'abort' }), '')
    t.ok(site.until(() => site.standing('h4') === 'up', 20))
    site.run(settings.vetoMs / 1_000 - 10)
    t.equal(site.plant.up, 4)
    t.equal(site.submitted.length, 1, 'nothing further for as long as the veto holds')
    site.plant.load = 4
    t.ok(
      site.until(() => site.plant.up === 5, 60),
      'the veto is for leaving alone'
    )
    site.plant.load = 0.4
    t.ok(
      site.until(() => site.plant.cluster.machine('h5').hasLeft, 240),
      'it ends'
    )
    t.same(crashesOf(site.plant.cluster), [])
  }
)

t.test(
  'autoscaler: it dies in the middle of its plan → the next one waits for that plan, and has the host taken away',
  async t => {
    const site = new Site(14)
    site.plant.load = 0.4
    t.ok(site.until(() => site.plan('h2') !== undefined, 60))
    t.equal(site.order('h2', { what: 'pause' }), '')
    const { id } = site.plan('h2')!.plan
    site.plant.cluster.kill('h1', true)
    // Long enough for another host to lead, which sees a plan whose keeper is down.
    site.run(60)
    t.equal(site.plan('h2')?.plan.id, id)
    site.plant.start('h1')
    site.run(20)
    t.equal(site.order('h2', { what: 'resume' }), '')
    t.ok(site.until(() => site.plant.cluster.machine('h4').hasLeft, 90))
    t.ok(site.until(() => site.plant.orders.length > 0, 30))
    t.same(
      site.plant.orders.map(({ order }) => [order.hosts, order.left]),
      [[3, 'h4']]
    )
    t.same(site.submitted, [id], 'it was submitted once')
    t.same(crashesOf(site.plant.cluster), [])
  }
)

t.test(
  'autoscaler: its thread dies before the plan has begun, the plan is aborted while nobody looks → the next one begins anew',
  async t => {
    const site = new Site(15)
    site.plant.load = 0.4
    t.ok(site.until(() => site.plan('h2') !== undefined, 60))
    site.plant.cluster.restartThread('h1', 'system')
    t.equal(site.order('h2', { what: 'abort' }), '')
    t.ok(
      site.until(() => site.plant.cluster.machine('h4').hasLeft, 240),
      'what it was told before its death it does not know'
    )
    t.same(crashesOf(site.plant.cluster), [])
  }
)

t.test('autoscaler: newcomers wait to be told to join → it submits their join, one at a time; aborted, they wait on', async t => {
  const site = new Site(16)
  site.plant.doNewcomersWait = true
  site.plant.load = 2.8
  t.ok(
    site.until(() => site.standing('h5') === 'up', 90),
    'what it asked for, and has come, it lets in'
  )
  t.equal(site.submitted.length, 1)
  t.equal(site.plant.orders.length, 1)
  site.plant.load = 0.9
  t.ok(site.until(() => site.plant.up === 4, 240))
  site.plant.load = 2.8
  t.ok(site.until(() => site.plan('h2')?.plan.changes[0]?.kind === 'join', 120))
  t.equal(site.order('h2', { what: 'abort' }), '')
  t.ok(site.until(() => site.standing('h6') === 'waiting', 30))
  const submitted = site.submitted.length
  site.run(settings.vetoMs / 1_000 - 20)
  t.equal(site.standing('h6'), 'waiting')
  t.equal(site.submitted.length, submitted)
  site.plant.load = 3.5
  t.ok(
    site.until(() => site.standing('h6') === 'up', 90),
    'once the veto is over it is let in, before another is asked for'
  )
  t.equal(site.plant.cluster.machines.length, 6)
  t.same(crashesOf(site.plant.cluster), [])
})

t.test('autoscaler: a host waits to join that nobody needs → nobody leaves in its stead', async t => {
  const site = new Site(17)
  const { name } = site.plant.cluster.add({ asksFirst: true })
  site.plant.start(name)
  t.ok(site.until(() => site.standing(name) === 'waiting', 30))
  site.plant.load = 0.4
  site.run(120)
  t.equal(site.standing(name), 'waiting')
  t.same(site.submitted, [])
})

t.test('a plan is submitted beside another, or would leave too few → refused, and nothing changes', async t => {
  const rig = new PlansRig(18, 4)
  const submit = (host: string) => rig.order('h1', { what: 'submit', change: { kind: 'leave', host } })
  t.match(submit('h9'), /there is no host "h9"/)
  t.equal(rig.stage('h2', { kind: 'leave', host: 'h3' }), '')
  t.match(submit('h4'), /there is a plan already/)
  t.equal(rig.plan('h1')?.plan.changes.length, 1)
  t.equal(rig.plan('h1')?.plan.isCommitted, false)
  t.equal(rig.order('h2', { what: 'abort' }), '')
  t.equal(submit('h4'), '')
  t.match(rig.stage('h1', { kind: 'weight', host: 'h2', weight: 2 }), /a plan of the autoscaler is under way/)
  t.ok(rig.until(() => rig.cluster.machine('h4').hasLeft && rig.plan('h1') === undefined))
  t.match(submit('h3'), /without h3 2 hosts would stay/)
  t.same(rig.short(), [])
})

t.test(
  'I18: an operator stages while the autoscaler submits, unaware of each other → the operator has it, nobody leaves',
  async t => {
    const rig = new PlansRig(19, 5)
    rig.cluster.kill('h5', false)
    rig.run(15_000)
    for (const name of ['h1', 'h3', 'h4']) {
      rig.cluster.network.cut('h2', name)
      rig.cluster.network.cut(name, 'h2')
    }
    t.equal(rig.order('h1', { what: 'submit', change: { kind: 'leave', host: 'h4' } }), '')
    t.equal(rig.stage('h2', { kind: 'weight', host: 'h3', weight: 2 }), '')
    rig.cluster.network.heal()
    rig.run(10_000)
    rig.cluster.start('h5')
    rig.run(20_000)
    for (const name of ['h1', 'h2', 'h3', 'h4']) {
      t.equal(rig.plan(name)?.keeper.name, 'h2')
      t.equal(rig.plan(name)?.plan.by, undefined)
    }
    t.equal(rig.standing('h4'), 'up', 'what had begun is taken back')
    t.equal(rig.cluster.present.flatMap(({ name }) => rig.row(name)?.plan ?? []).length, 1)
    t.ok(rig.isAgreed)
    t.same(crashesOf(rig.cluster), [])
  }
)
