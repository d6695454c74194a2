import t from 'tap'
import { loadScript, root, writeTree } from './checkout.ts'

interface Finding {
  readonly rule: string
  readonly file: string
  readonly line: number
  readonly message: string
}

const { checkStructure } = await loadScript<{ checkStructure(top: string): { errors: Finding[]; warnings: Finding[] } }>(
  'structure.mjs'
)

const lines = (count: number) => 'export const x = 1\n'.repeat(count)

/** Trees that are wrong in one way: the rule, where it has to be told, and the files. */
const violations: readonly [setting: string, rule: string, where: string, files: Record<string, string>][] = [
  [
    'model imports bus',
    'direction',
    'model/a.ts:1',
    { 'model/a.ts': "import { b } from '../bus/b.ts'\n", 'bus/b.ts': 'export const b = 1\n' }
  ],
  [
    'model imports a type from storage',
    'direction',
    'model/a.ts:1',
    { 'model/a.ts': "import type { Store } from '../storage/store.ts'\nexport const a: Store | 1 = 1\n" }
  ],
  ['bus imports storage', 'direction', 'bus/a.ts:2', { 'bus/a.ts': "// why\nimport '../storage/b.ts'\n" }],
  ['storage imports bus', 'direction', 'storage/a.ts:1', { 'storage/a.ts': "import '../bus/bus.ts'\n" }],
  [
    'runtime imports an adapter of the bus',
    'direction',
    'runtime/a.ts:1',
    { 'runtime/a.ts': "import { n } from '../bus/nats-bus.ts'\n" }
  ],
  [
    'runtime imports actors',
    'direction',
    'runtime/a.ts:1',
    { 'runtime/a.ts': "import { n } from '../actors/vnode-protocol.ts'\n" }
  ],
  [
    'actors import an adapter of storage',
    'direction',
    'actors/a.ts:1',
    { 'actors/a.ts': "import { n } from '../storage/lmdb-store.ts'\n" }
  ],
  [
    'actors import by import()',
    'direction',
    'actors/a.ts:1',
    { 'actors/a.ts': "export const n = await import('../storage/lmdb-store.ts')\n" }
  ],
  [
    'actors re-export from api',
    'direction',
    'actors/a.ts:1',
    { 'actors/a.ts': "export { n } from '../api/http/n.ts'\nexport const b = 1\n" }
  ],
  [
    'api/http imports an adapter of the bus',
    'direction',
    'api/http/a.ts:1',
    { 'api/http/a.ts': "import { n } from '../../bus/nats-bus.ts'\n" }
  ],
  ['api imports deploy', 'direction', 'api/http/a.ts:1', { 'api/http/a.ts': "import { n } from '../../deploy/host.ts'\n" }],
  [
    'the command imports deploy without import()',
    'direction',
    'api/cli/a.ts:1',
    { 'api/cli/a.ts': "import { n } from '../../deploy/host.ts'\n" }
  ],
  ['deploy imports a test', 'direction', 'deploy/a.ts:1', { 'deploy/a.ts': "import { n } from '../test/n.ts'\n" }],
  [
    "an actor imports another's behaviour",
    'behaviour',
    'actors/coordinator.ts:1',
    {
      'actors/coordinator.ts': "import { v } from './vnode.ts'\n",
      'actors/vnode.ts': 'export const v = 1\n',
      'actors/vnode-protocol.ts': 'export const p = 1\n'
    }
  ],
  [
    'two files import each other',
    'cycle',
    'model/b.ts:1',
    {
      'model/a.ts': "import { b } from './b.ts'\nexport const a = b\n",
      'model/b.ts': "import { a } from './a.ts'\nexport const b = a\n"
    }
  ],
  [
    'a circle of three, closed by a type',
    'cycle',
    'model/c.ts:2',
    {
      'model/a.ts': "import { b } from './b.ts'\nexport const a = b\n",
      'model/b.ts': "import { c } from './c.ts'\nexport const b = c\n",
      'model/c.ts': "// a type\nimport type { a } from './a.ts'\nexport const c: typeof a = 1\n"
    }
  ],
  [
    'a file of re-exports',
    'barrel',
    'model/all.ts:2',
    { 'model/all.ts': "/** All. */\nexport * from './a.ts'\nexport { b } from './b.ts'\n" }
  ],
  [
    'an index.ts of re-exports in a folder',
    'barrel',
    'bus/index.ts:1',
    { 'bus/index.ts': "export type { Bus } from './bus.ts'\n" }
  ],
  ['a name in camel case', 'name', 'model/hashRing.ts:1', { 'model/hashRing.ts': lines(1) }],
  ['a folder in camel case', 'name', 'api/httpDoor/a.ts:1', { 'api/httpDoor/a.ts': lines(1) }],
  ['a file of utils', 'name', 'model/string-utils.ts:1', { 'model/string-utils.ts': lines(1) }],
  ['a manager', 'name', 'actors/manager.ts:1', { 'actors/manager.ts': lines(1) }],
  ['helpers of a test', 'name', 'test/model/helpers.ts:1', { 'test/model/helpers.ts': lines(1) }],
  ['401 lines', 'length', 'model/a.ts:1', { 'model/a.ts': lines(401) }],
  ['the wall clock in model', 'purity', 'model/a.ts:2', { 'model/a.ts': '// now\nexport const now = Date.now()\n' }],
  ['new Date() in actors', 'purity', 'actors/a.ts:1', { 'actors/a.ts': 'export const now = new Date()\n' }],
  ['chance in runtime', 'purity', 'runtime/a.ts:1', { 'runtime/a.ts': 'export const x = Math.random()\n' }],
  ['setTimeout in actors', 'purity', 'actors/a.ts:1', { 'actors/a.ts': 'setTimeout(() => {}, 1)\n' }],
  ['setInterval in runtime', 'purity', 'runtime/a.ts:1', { 'runtime/a.ts': 'setInterval(() => {}, 1)\n' }],
  ['setImmediate in runtime', 'purity', 'runtime/a.ts:1', { 'runtime/a.ts': 'setImmediate(() => {})\n' }],
  ['queueMicrotask in runtime', 'purity', 'runtime/a.ts:1', { 'runtime/a.ts': 'queueMicrotask(() => {})\n' }],
  ['the environment in actors', 'purity', 'actors/a.ts:1', { 'actors/a.ts': 'export const home = `x${process.env.HOME}`\n' }],
  ['performance.now in model', 'purity', 'model/a.ts:1', { 'model/a.ts': 'export const x = performance.now()\n' }],
  [
    'randomUUID in actors',
    'purity',
    'actors/a.ts:2',
    { 'actors/a.ts': "import { randomUUID } from 'node:crypto'\nexport const x = randomUUID()\n" }
  ],
  [
    'the disk in model',
    'purity',
    'model/a.ts:1',
    { 'model/a.ts': "import { readFileSync } from 'node:fs'\nexport const x = readFileSync\n" }
  ],
  ['the network in actors', 'purity', 'actors/a.ts:1', { 'actors/a.ts': "import net from 'node:net'\nexport const x = net\n" }]
]

t.test('structure: a tree with one violation → exactly that one is told, with its place', async t => {
  for (const [setting, rule, where, files] of violations) {
    const top = t.testdir()
    writeTree(`${top}/${rule}`, files)
    const { errors } = checkStructure(`${top}/${rule}`)
    t.same(
      errors.map(error => `${error.rule} ${error.file}:${error.line}`),
      [`${rule} ${where}`],
      setting
    )
  }
})

t.test('structure: what is allowed, or only looks wrong, is let be', async t => {
  const top = t.testdir()
  writeTree(top, {
    'index.ts': "export { startHost } from './deploy/host.ts'\n",
    'runtime/index.ts': "export * from './actor.ts'\n",
    'runtime/actor.ts': "import type { Bus } from '../bus/bus.ts'\nexport const a = (bus: Bus) => bus\n",
    'runtime/system-clock.ts': 'export const now = () => Date.now()\n',
    'bus/bus.ts': "import { k } from '../model/key.ts'\nexport interface Bus { k: typeof k }\n",
    'bus/codec.ts': 'export const c = 1\n',
    'runtime/thread-protocol.ts':
      "import type { MessagePort } from 'node:worker_threads'\nexport interface Birth { port: MessagePort }\n",
    'model/key.ts': [
      '// import { x } from "../bus/bus.ts" and Date.now() in a comment',
      "export const k = 'process.env, Math.random()' + `setTimeout(${1})` + /new Date()'/.source",
      '/* setInterval() */ export const iso = (ms: number) => new Date(ms).toISOString()',
      'export const own = { process: { env: 1 } }.process.env',
      ''
    ].join('\n'),
    'actors/tree.ts': "import { v } from './vnode.ts'\nexport const tree = [v]\n",
    'actors/vnode.ts':
      "import type { M } from './vnode-protocol.ts'\nimport '../bus/codec.ts'\nimport { part } from './vnode-part.ts'\nexport const v = (m: M) => part(m)\n",
    'actors/vnode-part.ts': 'export const part = (x: unknown) => x\n',
    'actors/vnode-protocol.ts': 'export type M = 1\n',
    'api/nats/door.ts': "import { n } from '../../bus/nats-bus.ts'\nexport const d = n\n",
    'api/cli/main.ts': "export const run = () => import('../../deploy/host.ts')\n",
    'bus/nats-bus.ts': 'export const n = Date.now()\n',
    'deploy/host.ts': "import '../storage/lmdb-store.ts'\nimport '../api/cli/main.ts'\nexport const startHost = process.env\n",
    'storage/lmdb-store.ts': "import type { Store } from './store.ts'\nexport const s: Store = 1\n",
    'storage/store.ts': 'export type Store = 1\n',
    'test/model/key.test.ts': "import { n } from '../../bus/nats-bus.ts'\nexport const x = n\n"
  })
  t.same(checkStructure(top), { errors: [], warnings: [] })
})

t.test('structure: over 250 lines → a warning, no error', async t => {
  const top = t.testdir({ model: { 'a.ts': lines(251), 'b.ts': lines(250) } })
  const { errors, warnings } = checkStructure(top)
  t.same(errors, [])
  t.same(
    warnings.map(warning => warning.file),
    ['model/a.ts']
  )
})

t.test('structure: this tree keeps all of it', async t => {
  t.same(
    checkStructure(root).errors.map(error => `${error.file}:${error.line} ${error.message}`),
    []
  )
})
