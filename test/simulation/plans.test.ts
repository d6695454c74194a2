import t from 'tap'
import { crashesOf } from './exchange-cluster.ts'
import { keys, PlansRig } from './plans-cluster.ts'

t.test('D4, I18: a host is replaced → only what it had moves, the others keep their places, and it ends', async t => {
  const rig = new PlansRig(1, 5)
  const before = rig.ring('h1')
  const name = rig.newcomer()
  t.equal(rig.stage('h3', { kind: 'replace', host: name, replaced: 'h2' }), '')
  rig.run(5_000)
  t.equal(rig.standing(name), 'joining', 'staged is not begun')
  t.equal(rig.plan('h1')?.keeper.name, 'h3', 'any host shows it')
  t.equal(rig.order('h1', { what: 'commit' }), '')
  t.ok(rig.until(() => rig.cluster.machine('h2').hasLeft))
  t.ok(rig.until(() => rig.isAgreed && rig.plan('h1') === undefined))
  t.same(
    rig.ring('h1').owners,
    before.owners.map(own => own.map(each => (each === 'h2' ? name : each)))
  )
  t.same(rig.short(), [])
  t.ok(
    rig.until(() => rig.row(name)?.replaces === undefined),
    'what it took is forgotten'
  )
  t.same(crashesOf(rig.cluster), [])
})

t.test('a host that waits to be told is asked to stage → one that is up keeps the plan, whichever is asked', async t => {
  const rig = new PlansRig(7, 4)
  const name = rig.newcomer()
  t.equal(rig.standing(name), 'joining')
  t.match(rig.stage(name, { kind: 'leave', host: 'h9' }), /there is no host "h9"/)
  t.equal(rig.stage(name, { kind: 'join', host: name }), '')
  const { keeper } = rig.plan(name)!
  t.not(keeper.name, name)
  t.equal(rig.standing(keeper.name), 'up')
  t.equal(rig.order(name, { what: 'commit' }), '')
  t.ok(rig.until(() => rig.standing(name) === 'up' && rig.plan('h1') === undefined))
  t.same(crashesOf(rig.cluster), [])
})

t.test('hosts wait to be told, one was told, and loses its disk before it is in → it need not be told again', async t => {
  const rig = new PlansRig(8, 4)
  const [joins, waits] = [rig.newcomer(), rig.newcomer()]
  // Who is away holds it up.
  rig.cluster.kill('h4', false)
  rig.run(15_000)
  t.equal(rig.stage('h1', { kind: 'join', host: joins }), '')
  t.equal(rig.order('h1', { what: 'commit' }), '')
  t.ok(rig.until(() => rig.standing(joins) === 'joining' && rig.row(joins)?.isWaiting !== true))
  rig.run(3_000)
  rig.cluster.kill(joins, false)
  rig.cluster.wipe(joins)
  rig.run(15_000)
  rig.cluster.start(joins)
  rig.cluster.start('h4')
  t.ok(rig.until(() => rig.standing(joins) === 'up', 120_000))
  t.equal(rig.row(waits)?.isWaiting, true)
  t.ok(rig.until(() => rig.isAgreed))
  t.same(rig.short(), [])
  t.same(crashesOf(rig.cluster), [])
})

t.test(
  'a staged change names a host that loses its disk → it is refused by name, and staged anew it can be committed',
  async t => {
    const rig = new PlansRig(9, 5)
    t.equal(rig.stage('h1', { kind: 'leave', host: 'h2' }), '')
    rig.cluster.kill('h2', false)
    rig.cluster.wipe('h2')
    rig.run(15_000)
    rig.cluster.start('h2')
    t.ok(rig.until(() => rig.standing('h2') === 'up' && rig.isAgreed, 120_000))
    t.match(rig.order('h1', { what: 'commit' }), /h2 is gone, or has come anew without its data/)
    t.equal(rig.stage('h1', { kind: 'leave', host: 'h2' }), '')
    t.equal(rig.plan('h3')?.plan.changes.length, 1)
    t.equal(rig.order('h1', { what: 'commit' }), '')
    t.ok(rig.until(() => rig.cluster.machine('h2').hasLeft && rig.isAgreed, 120_000))
    t.same(rig.short(), [])
    t.same(crashesOf(rig.cluster), [])
  }
)

t.test(
  'who keeps a committed plan forgets by a power loss that it was → it is committed again, and what is done does not hold up the rest',
  async t => {
    for (const stagesAgain of [false, true]) {
      const rig = new PlansRig(10, 3)
      const [one, other] = [rig.newcomer(), rig.newcomer()]
      for (const host of [one, other]) t.equal(rig.stage('h1', { kind: 'join', host }), '')
      rig.run(2_000)
      const before = rig.cluster.backUp('h1')
      t.equal(rig.order('h1', { what: 'commit' }), '')
      t.ok(rig.until(() => rig.standing(one) === 'up'))
      t.not(rig.standing(other), 'up')
      rig.cluster.kill(other, false)
      rig.cluster.kill('h1', true)
      rig.cluster.restore('h1', before)
      rig.cluster.start('h1')
      rig.cluster.start(other)
      rig.run(10_000)
      t.equal(rig.plan('h1')?.plan.isCommitted, false, 'it is as it was staged')
      if (stagesAgain) t.equal(rig.stage('h1', { kind: 'weight', host: 'h2', weight: 2 }), '')
      t.equal(rig.order('h1', { what: 'commit' }), '')
      t.ok(rig.until(() => rig.standing(other) === 'up' && rig.isAgreed && rig.plan('h2') === undefined, 120_000))
      t.equal(rig.row('h2')?.weight, stagesAgain ? 2 : 1)
      t.same(rig.short(), [])
      t.same(crashesOf(rig.cluster), [])
    }
  }
)

t.test('I5: a dead host is replaced → its partitions come from the other replicas, and it is removed', async t => {
  const rig = new PlansRig(2, 5)
  rig.cluster.kill('h2', true)
  rig.run(15_000)
  const name = rig.newcomer()
  t.equal(rig.stage('h1', { kind: 'replace', host: name, replaced: 'h2' }), '')
  t.equal(rig.order('h4', { what: 'commit' }), '')
  t.ok(rig.until(() => rig.cluster.isGone('h2') && rig.standing(name) === 'up'))
  t.ok(rig.until(() => rig.isAgreed && rig.plan('h1') === undefined))
  t.same(rig.short(), [])
  t.same(crashesOf(rig.cluster), [])
})

t.test('a host that was declared dead lives → it is read from after all, and hands over what it keeps', async t => {
  const rig = new PlansRig(3, 5)
  rig.cluster.kill('h2', false)
  rig.run(15_000)
  const name = rig.newcomer()
  // Who is away holds it up, so that there is time to come back.
  rig.cluster.kill('h5', false)
  rig.run(15_000)
  t.equal(rig.stage('h1', { kind: 'replace', host: name, replaced: 'h2' }), '')
  t.equal(rig.order('h1', { what: 'commit' }), '')
  t.ok(rig.until(() => rig.row(name)?.removing !== undefined))
  rig.run(10_000)
  rig.cluster.start('h2')
  t.ok(rig.until(() => rig.row(name)?.removing === undefined))
  rig.cluster.start('h5')
  t.ok(rig.until(() => rig.cluster.machine('h2').hasLeft && rig.standing(name) === 'up', 120_000))
  t.same(rig.short(), [])
  t.same(crashesOf(rig.cluster), [])
})

t.test('D4, I18: a host is given another weight → its share follows, once all have what they gain', async t => {
  const rig = new PlansRig(4, 5)
  const load = (host: string) => rig.ring('h1').owners.filter(own => own.includes(host)).length
  const before = load('h3')
  t.equal(rig.stage('h1', { kind: 'weight', host: 'h3', weight: 2 }), '')
  t.equal(rig.stage('h2', { kind: 'weight', host: 'h4', weight: 0.5 }), '')
  t.equal(rig.plan('h5')?.plan.changes.length, 2, 'two hosts asked, one plan')
  t.equal(rig.order('h5', { what: 'commit' }), '')
  t.ok(rig.until(() => rig.plan('h1') === undefined && rig.row('h3')?.weight === 2 && rig.row('h4')?.weight === 0.5, 120_000))
  t.ok(load('h3') > before, `${before} → ${load('h3')}`)
  t.ok(rig.until(() => rig.isAgreed))
  t.same(rig.short(), [])
  rig.cluster.kill('h3', false)
  rig.cluster.start('h3')
  rig.run(10_000)
  t.equal(rig.row('h3')?.weight, 2, 'also after a start with the weight that is configured')
  t.same(crashesOf(rig.cluster), [])
})

t.test('a plan of four changes, one host is killed meanwhile → they come one after the other, all the same', async t => {
  const rig = new PlansRig(5, 6)
  const [joins, comes] = [rig.newcomer(), rig.newcomer()]
  t.equal(rig.stage('h1', { kind: 'leave', host: 'h1' }), '', 'its own keeper')
  t.equal(rig.stage('h1', { kind: 'join', host: joins }), '')
  t.equal(rig.stage('h1', { kind: 'replace', host: comes, replaced: 'h2' }), '')
  t.equal(rig.stage('h1', { kind: 'weight', host: 'h3', weight: 3 }), '')
  t.equal(rig.order('h4', { what: 'commit' }), '')
  rig.run(1_500)
  rig.cluster.kill('h5', true)
  rig.run(10_000)
  rig.cluster.start('h5')
  const isThrough = () =>
    rig.cluster.machine('h1').hasLeft && rig.cluster.machine('h2').hasLeft && rig.plan('h4') === undefined && rig.isAgreed
  t.ok(rig.until(isThrough, 240_000))
  t.equal(rig.standing(joins), 'up')
  t.equal(rig.standing(comes), 'up')
  t.equal(rig.row('h3')?.weight, 3)
  t.same(rig.short('h4'), [])
  t.same(crashesOf(rig.cluster), [])
})

t.test(
  'I18: a plan is aborted when it is half-way → what is done stays, what was begun is taken back, and nothing is lost',
  async t => {
    const rig = new PlansRig(6, 5)
    const name = rig.newcomer()
    const before = rig.ring('h1')
    // Nothing can end while one is away.
    rig.cluster.kill('h5', false)
    rig.run(15_000)
    for (const change of [
      { kind: 'replace', host: name, replaced: 'h2' },
      { kind: 'weight', host: 'h3', weight: 4 },
      { kind: 'leave', host: 'h4' }
    ] as const)
      t.equal(rig.stage('h1', change), '')
    t.equal(rig.order('h1', { what: 'commit' }), '')
    t.ok(rig.until(() => rig.row(name)?.replaces !== undefined))
    rig.run(5_000)
    t.match(rig.stage('h1', { kind: 'weight', host: 'h2', weight: 2 }), /a plan is under way/)
    t.equal(rig.order('h3', { what: 'abort' }), '')
    rig.cluster.start('h5')
    t.ok(rig.until(() => rig.row(name)?.isWaiting === true))
    rig.run(10_000)
    t.same(rig.ring('h1').owners, before.owners)
    t.ok(rig.isAgreed)
    t.equal(rig.plan('h1'), undefined)
    t.same(rig.short(), [])
    t.match(rig.order('h1', { what: 'commit' }), /nothing is staged/)
    t.same(crashesOf(rig.cluster), [])
  }
)

t.test('a plan is paused → nothing moves, hosts that start again included; resumed, it goes on to its end', async t => {
  const rig = new PlansRig(7, 5)
  t.equal(rig.stage('h1', { kind: 'leave', host: 'h2' }), '')
  t.equal(rig.order('h1', { what: 'pause' }), '')
  t.equal(rig.order('h1', { what: 'commit' }), '')
  rig.run(20_000)
  t.equal(rig.standing('h2'), 'up')
  rig.cluster.kill('h1', true)
  rig.run(10_000)
  rig.cluster.start('h1')
  rig.run(10_000)
  t.equal(rig.plan('h3')?.plan.isPaused, true, 'it survives a restart of its keeper')
  t.equal(rig.order('h3', { what: 'resume' }), '')
  t.ok(rig.until(() => rig.standing('h2') === 'leaving'))
  t.equal(rig.order('h3', { what: 'pause' }), '')
  rig.run(20_000)
  t.equal(rig.cluster.machine('h2').hasLeft, false)
  t.equal(rig.order('h3', { what: 'resume' }), '')
  t.ok(rig.until(() => rig.cluster.machine('h2').hasLeft))
  t.same(rig.short(), [])
})

t.test('bad plans are refused with the reason, and change nothing', async t => {
  const rig = new PlansRig(8, 4)
  const name = rig.newcomer()
  const refused = (change: Parameters<PlansRig['stage']>[1], why: RegExp) => t.match(rig.stage('h1', change), why)
  refused({ kind: 'leave', host: 'h9' }, /there is no host "h9" in this datacenter: there are h1, h2, h3, h4, h5/)
  refused({ kind: 'weight', host: 'h2', weight: 0 }, /a weight is a number from 0\.01 to 1000, not 0/)
  refused({ kind: 'weight', host: 'h2', weight: 1001 }, /a weight is a number from 0\.01 to 1000/)
  refused({ kind: 'weight', host: 'h2', weight: 1 }, /h2 has weight 1 already/)
  refused({ kind: 'join', host: 'h2' }, /h2 is a member already/)
  refused({ kind: 'replace', host: 'h3', replaced: 'h2' }, /h3 is a member already/)
  refused({ kind: 'replace', host: 'h2', replaced: 'h2' }, /h2 cannot take its own place/)
  refused({ kind: 'weight', host: name, weight: 2 }, /h5 is no member yet/)
  t.equal(rig.plan('h1'), undefined)
  t.match(rig.order('h1', { what: 'abort' }), /nothing is staged/)
  t.equal(rig.stage('h1', { kind: 'leave', host: 'h2' }), '')
  refused({ kind: 'weight', host: 'h2', weight: 2 }, /h2 is in the plan already/)
  refused({ kind: 'leave', host: 'h3' }, /without h3 2 hosts would stay, and buckets ask for 3 replicas/)
  t.equal(rig.plan('h1')?.plan.changes.length, 1)
  t.match(rig.order('h1', { what: 'throttle', bytesPerSecond: 1 }), /a plan's pace is from 1024/)
  t.equal(rig.order('h2', { what: 'abort' }), '')
  rig.run(5_000)
  t.equal(rig.plan('h1'), undefined)
})

t.test('two plans are staged at hosts that do not hear of each other → the earlier one stays', async t => {
  const rig = new PlansRig(9, 5)
  rig.cluster.network.cut('h1', 'h2')
  rig.cluster.network.cut('h2', 'h1')
  t.equal(rig.stage('h1', { kind: 'leave', host: 'h3' }), '')
  rig.stage('h2', { kind: 'leave', host: 'h4' })
  rig.cluster.network.heal()
  rig.run(10_000)
  const plans = new Set(rig.cluster.present.map(({ name }) => JSON.stringify(rig.plan(name)?.plan)))
  t.equal(plans.size, 1)
  t.equal(rig.cluster.present.flatMap(({ name }) => rig.row(name)?.plan ?? []).length, 1)
})

t.test('the keeper of a committed plan is removed as dead → what is left of the plan is taken back', async t => {
  const rig = new PlansRig(10, 6)
  rig.cluster.kill('h6', false)
  rig.run(15_000)
  t.equal(rig.stage('h1', { kind: 'weight', host: 'h3', weight: 4 }), '')
  t.equal(rig.order('h1', { what: 'commit' }), '')
  t.ok(rig.until(() => rig.row('h3')?.nextWeight === 4))
  rig.cluster.kill('h1', true)
  rig.run(15_000)
  t.match(rig.order('h2', { what: 'abort' }), /h1 keeps the plan and is down/)
  t.equal(rig.remove('h2', 'h1'), '')
  rig.cluster.start('h6')
  t.ok(rig.until(() => rig.cluster.isGone('h1'), 120_000))
  t.ok(rig.until(() => rig.row('h3')?.nextWeight === undefined))
  t.equal(rig.plan('h2'), undefined)
  for (const key of keys) t.ok((rig.client.values('h2', key, { level: 'quorum' })?.length ?? 0) > 0)
})
