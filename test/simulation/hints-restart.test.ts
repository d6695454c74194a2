import t from 'tap'
import type { CoordinatorMessage, HintsListed } from '../../actors/coordinator/coordinator-protocol.ts'
import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import { keyOfText } from '../../model/key.ts'
import { crashesOf } from './exchange-cluster.ts'
import { HintsCluster } from './hints-cluster.ts'

const key = keyOfText('b', 'k')
const asker = {
  address: addressOf(threadAddressOf('asker', 'main'), 'nobody'),
  correlation: 0,
  incarnation: 0
} as Ref<HintsListed>

t.test(
  'I13: a host that keeps a hint is killed and asked for its hints from its first moment on → it never says that it has none',
  async t => {
    const world = new HintsCluster(key, { seed: 71 })
    const { cluster, client, owners } = world
    world.away(owners[1]!)
    const written = client.put(owners[0]!, key, 'v1', undefined, { replicas: 3, receipt: true })
    t.match(written, { kind: 'written', strength: 'sloppy', answered: 3 })
    const keeper = world.others.find(name => world.hintsOn(name) > 0)!
    const { simulation } = cluster
    simulation.host('asker').thread('main')
    /** Answers by thread: the hint lies on one of them. */
    const heard = Array.from({ length: cluster.threads }, (): number[] => [])
    simulation.watch(({ to, message, isArrival }) => {
      if (isArrival && to.address === asker.address) heard[to.correlation]!.push((message as HintsListed).hints.length)
    })
    const { system } = simulation.host('asker').threads.get('main')!
    cluster.kill(keeper, false)
    cluster.start(keeper)
    for (let ms = 0; ms < 500; ms++) {
      for (let thread = 0; thread < cluster.threads; thread++) {
        const to = {
          address: addressOf(threadAddressOf(keeper, `data-${thread}`), 'coordinator'),
          correlation: 0,
          incarnation: 0
        }
        system.signal<CoordinatorMessage>(to, { kind: 'list-hints', replyTo: { ...asker, correlation: thread } })
      }
      world.run(1)
    }
    const [told, ...more] = heard.filter(answers => answers.some(hints => hints > 0))
    t.same(more, [])
    t.ok(told !== undefined && told.length > 100, `${told?.length} answers`)
    t.notOk(told?.includes(0))
    t.same(crashesOf(cluster), [])
  }
)
