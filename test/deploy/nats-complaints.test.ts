import t from 'tap'
import { natsComplaints } from '../../deploy/nats-complaints.ts'
import type { Log, LogFields } from '../../runtime/log.ts'
import { MetricRegistry } from '../../runtime/metrics.ts'

t.test('another host is not there → said to whoever looks for everything, and not a warning', async t => {
  const said: string[] = []
  const noteAs = (level: string) => (fields: LogFields) => void said.push(`${level} ${String(fields['said'])}`)
  const log: Log = { debug: noteAs('debug'), info: noteAs('info'), warn: noteAs('warn'), error: noteAs('error') }
  const hear = natsComplaints(log, new MetricRegistry(), () => 0)
  hear('[17] [ERR] Error trying to connect to route (attempt 1): dial tcp 127.0.0.1:7622: connect: connection refused')
  hear(
    '[17] [ERR] Error connecting to explicit gateway "x_dc2" (attempt 1): dial tcp 127.0.0.1:7923: connect: connection refused'
  )
  hear('[17] [ERR] Error trying to connect to route (attempt 1): dial tcp 127.0.0.1:7622: connect: permission denied')
  t.same(
    said.map(each => each.slice(0, 5).trim()),
    ['debug', 'debug', 'warn']
  )
})

t.test(
  'lines of a nats-server → errors are logged, each kind once a minute, all counted; no credentials, no other lines',
  async t => {
    const said: string[] = []
    const note = (fields: LogFields): void => void said.push(String(fields['said']))
    const log: Log = { debug: note, info: note, warn: note, error: note }
    const metrics = new MetricRegistry()
    let nowMs = 0
    const hear = natsComplaints(log, metrics, () => nowMs)
    const line = (text: string): string => `[17] 2026/01/02 03:04:05.678901 ${text}`
    hear(line('[INF] Server is ready'))
    for (let port = 4000; port < 4050; port++)
      hear(line(`[ERR] 10.0.0.2:${port} - rid:${port} - TLS route handshake error: bad certificate`))
    t.same(said, ['10.0.0.2:4000 - rid:4000 - TLS route handshake error: bad certificate'])
    hear(line('[ERR] Error trying to connect to route nats-route://route:secret@10.0.0.3:7620: refused'))
    t.equal(said[1], 'Error trying to connect to route nats-route://…@10.0.0.3:7620: refused')
    nowMs = 60_000
    hear(line('[ERR] 10.0.0.2:5000 - rid:5000 - TLS route handshake error: bad certificate'))
    t.equal(said.length, 3)
    t.match(JSON.stringify(metrics.snapshot()), /nats_errors_total.*52/)
    for (let index = 0; index < 200; index++) hear(line(`[ERR] ${'x'.repeat(index)}`))
    t.ok(said.every(each => each.length <= 400))
  }
)
