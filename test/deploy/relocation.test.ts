import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startHost } from '../../deploy/host.ts'

t.test('a host is started again with another dc → it refuses, and says what its data are of; with its own it runs', async t => {
  const data = mkdtempSync(join(tmpdir(), 'carillon-test-'))
  t.teardown(() => rmSync(data, { recursive: true, force: true }))
  const options = {
    name: 'one',
    data,
    httpPort: 0,
    natsPort: 0,
    routePort: 0,
    monitorPort: 0,
    threads: 1,
    logLevel: 'error'
  } as const
  const host = await startHost({ ...options, dc: 'east' })
  await host.stop()
  await t.rejects(startHost({ ...options, dc: 'west' }), /its data are of datacenter east/)
  const again = await startHost({ ...options, dc: 'east' })
  await again.stop()
})
