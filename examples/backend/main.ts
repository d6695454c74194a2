#!/usr/bin/env node
/**
 * Follow the orders of a cluster and print totals as they change:
 *
 *     node build/examples/backend/main.js nats://127.0.0.1:7421
 *     npx carillon put order-1 '{"customer":"alice","amountCents":1250,"isCancelled":false}' --bucket orders
 */
import { connect } from '../../index.ts'
import { OrdersBackend } from './orders-backend.ts'

const store = await connect({ servers: process.argv[2] ?? 'nats://127.0.0.1:7421', token: process.env['CARILLON_TOKEN'] })
const backend = await OrdersBackend.start(store, (customer, { totalCents }) =>
  console.log(`${customer}: ${(totalCents / 100).toFixed(2)}`)
)
console.log('following the orders; Ctrl-C ends')
process.once('SIGINT', () => void end())

async function end(): Promise<void> {
  try {
    await backend.stop()
  } catch (error) {
    console.error(error)
    process.exitCode = 1
  }
  await store.close()
}
