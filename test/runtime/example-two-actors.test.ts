import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

t.test('examples/two-actors: it runs by itself, crashes, restarts, goes on, and ends', async t => {
  const program = fileURLToPath(new URL('../../examples/two-actors/main.js', import.meta.url))
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], { timeout: 20_000 })
  t.equal(stderr, '')
  t.same(stdout.trim().split('\n'), [
    'bell is Glocke',
    'tower is Turm',
    "an actor crashed: translator, Error: I never heard of 'schadenfreude'",
    'no answer for schadenfreude',
    'bridge is Brücke',
    'goodbye',
    'the translator was restarted 1 time'
  ])
})
