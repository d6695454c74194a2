import t from 'tap'
import type { ActorDescription } from '../../runtime/actor.ts'
import { MemoryCluster } from './cli-memory-cluster.ts'
import { run, TestTerminal } from './cli-test-terminal.ts'

const quiet: Omit<ActorDescription, 'name' | 'kind' | 'summary' | 'children'> = {
  thread: 'a.system',
  state: 'running',
  incarnation: 1,
  restarts: 0,
  mailbox: { length: 0, limit: 10, handled: 4, refused: 0 },
  last_crash: null
}

/** One supervisor, with one actor below it. */
class OneActor extends MemoryCluster {
  readonly #summary: Readonly<Record<string, unknown>>

  constructor(summary: Readonly<Record<string, unknown>>) {
    super()
    this.#summary = summary
  }

  override async admin(): Promise<unknown> {
    const actor: ActorDescription = { ...quiet, name: 'scale', kind: 'autoscaler', summary: this.#summary, children: [] }
    return { host: 'a', tree: { ...quiet, name: 'work', kind: 'supervisor', children: [actor] } satisfies ActorDescription }
  }
}

t.test('actors: an autoscaler → its line says why it did what it did last, and the pressure', async t => {
  const terminal = new TestTerminal(new OneActor({ why: 'rests; CPU at 131 % of its target', pressure: 1.3094 }))
  t.equal(await run(terminal, 'actors'), 0)
  t.match(terminal.out, /scale .* rests; CPU at 131 % of its target {2}pressure 1\.31\n/)
  const fresh = new TestTerminal(new OneActor({ why: null, pressure: null }))
  t.equal(await run(fresh, 'actors'), 0)
  t.notMatch(fresh.out, /pressure|null/)
})
