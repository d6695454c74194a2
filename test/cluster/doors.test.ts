// test: seconds 120
import t from 'tap'
import { kvDoorContract } from '../api/kv-door-contract.ts'
import { badInput } from './door-bad-input.ts'
import { bucketProperties } from './door-buckets.ts'
import { compressedBucket } from './door-compression.ts'
import { events } from './door-events.ts'
import { httpContract } from './door-http-contract.ts'
import { doorRig } from './door-rig.ts'
import { shapes } from './door-shapes.ts'
import { valueKinds } from './door-value-kinds.ts'

t.test('a cluster of three hosts: what its doors promise holds at every one of them', async t => {
  const rig = await doorRig(t)
  await httpContract(t, rig)
  await valueKinds(t, rig)
  await t.test('a client of nothing but a socket: the NATS door’s contract', async t => {
    await kvDoorContract(t, rig.raw[1]!, 'contract')
    t.same(rig.raw[1]!.errors, [])
  })
  await shapes(t, rig)
  await events(t, rig)
  await bucketProperties(t, rig)
  await compressedBucket(t, rig)
  await badInput(t, rig)
})
