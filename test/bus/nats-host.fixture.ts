/*
 * A host process in miniature, to be killed: starts a nats-server in the folder it is given, says where, and stays.
 */
import { NatsServer } from '../../bus/nats-server.ts'
import { anyPorts, natsBinary } from './nats-fixture.ts'

const server = await NatsServer.start({
  binary: await natsBinary(),
  name: 'a',
  cluster: 'carillon',
  directory: process.argv[2] ?? '',
  ports: anyPorts
})
process.stdout.write(`${JSON.stringify({ pid: server.pid, port: server.ports.client })}\n`)
setInterval(() => {}, 60_000)
