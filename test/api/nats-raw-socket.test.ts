import t from 'tap'
import { kvDoorContract } from './kv-door-contract.ts'
import { natsRig } from './nats-rig.ts'

t.test('NATS door, asked through a bare socket: what docs/nats.md promises holds', async t => {
  const { client } = await natsRig(t)
  await kvDoorContract(t, client, 'contract')
  t.same(client.errors, [])
})
