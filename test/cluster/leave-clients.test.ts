// test: seconds 180
import t from 'tap'
import { connect } from '../../api/client/client.ts'
import { CarillonProcess } from './carillon-process.ts'
import { breath, startCluster, until } from './cluster-rig.ts'

const stores = 12
const loops = 2
const timeoutMs = 10_000

t.test(
  'D4: 4 hosts, clients that know all of them and are connected to any, one host leaves and its process ends → no request fails',
  async t => {
    const cluster = await startCluster(t, { hosts: 4 })
    const fourth = cluster.hosts[3]!
    const leaving = cluster.processOf(fourth.name)!
    const stop = new AbortController()
    const failures: string[] = []
    let done = 0
    const load: Promise<void>[] = []
    for (let number = 0; number < stores; number++) {
      const store = await connect({ servers: cluster.servers })
      t.teardown(() => store.close())
      const bucket = store.bucket<number>('leave-clients')
      for (let loop = 0; loop < loops; loop++) {
        load.push(
          (async () => {
            for (let turn = 0; !stop.signal.aborted; turn++, await breath()) {
              const key = `${number}-${loop}-${turn % 50}`
              try {
                await bucket.put(key, turn, { timeoutMs, sloppy: false, pw: 2 })
                await bucket.get(key, { timeoutMs, sloppy: false, pr: 2 })
                done++
              } catch (error) {
                failures.push(`${new Date().toISOString()} ${String(error)}`)
              }
            }
          })()
        )
      }
    }
    await until('the load goes on', () => done > stores * loops * 4)
    const command = new CarillonProcess(t, [
      ...['leave', fourth.name, '--now', '--wait', '--within', '100'],
      ...['--servers', cluster.servers[0]!]
    ])
    t.equal((await command.ended).status, 0, command.out + command.err)
    await until('its process has ended', () => leaving.exitCode !== null, 60_000)
    t.comment(`it ended at ${new Date().toISOString()}`)
    const doneBy = done
    await until('the load goes on without it', () => done > doneBy + stores * loops * 10, 40_000)
    stop.abort()
    await Promise.all(load)
    t.same(failures, [])
  }
)
