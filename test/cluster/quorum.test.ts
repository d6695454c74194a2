// test: seconds 120
import t from 'tap'
import { ask, startCluster, until } from './cluster-rig.ts'

interface Problem {
  readonly status: number
  readonly code: string
  readonly needed?: number
  readonly answered?: number
  readonly outcome?: string
}

t.test(
  '3 hosts, two of them gone: what needs more replicas than are left is refused with the figures, the rest is served',
  async t => {
    const cluster = await startCluster(t)
    const [first, second, third] = cluster.hosts
    const put = async (key: string, w: number): Promise<Response> =>
      fetch(`http://127.0.0.1:${first!.httpPort}/api/v1/store?w=${w}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ key, value: 'v' })
      })
    t.equal((await put('a', 3)).status, 201, 'W=3 of 3')
    await cluster.stopHosts([second!.name, third!.name])

    // The first may meet hosts that are not known to be gone yet.
    for (const moment of ['at once', 'when the hosts are known to be down']) {
      const refused = await put('b', 2)
      const problem = (await refused.json()) as Problem
      t.equal(refused.status, 503, `W=2 ${moment}`)
      t.equal(problem.code, 'quorum_unavailable')
      t.equal(problem.needed, 2)
      t.ok((problem.answered ?? 9) < 2)
      t.match(problem.outcome, /^(indeterminate|refused)$/)
      const read = await fetch(`http://127.0.0.1:${first!.httpPort}/api/v1/store/a?r=3`)
      t.equal(read.status, 503, `R=3 ${moment}`)
      t.equal(((await read.json()) as Problem).code, 'quorum_unavailable')
      await until('the host knows', async () => {
        const { hosts } = await ask<{ hosts: { state: string }[] }>(first!.httpPort, '/api/v1/cluster')
        return hosts.filter(host => host.state === 'down').length === 2
      })
    }
    t.equal((await put('c', 1)).status, 201, 'W=1 of the one that is left')
    t.equal((await fetch(`http://127.0.0.1:${first!.httpPort}/api/v1/store/a?r=1`)).status, 200, 'R=1')
    t.equal((await fetch(`http://127.0.0.1:${first!.httpPort}/readyz`)).status, 503, 'the host says that it sees no quorum')
  }
)
