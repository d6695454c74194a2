import type { Command } from 'commander'
import { interruptible } from '../api/cli/interruption.ts'
import { CommandFailure, departed, type Terminal } from '../api/cli/terminal.ts'
import { DepartedError } from './cluster-file.ts'
import type { FaultMessage } from './fault-injection.ts'
import { addHostOptions, configurationOf, type HostFlags } from './cli-configuration.ts'
import type { HostSettings } from './configuration-schema.ts'
import { portProblem, type WantedPort } from './port-check.ts'

/** Runs until SIGINT or SIGTERM, which stop it cleanly: exit status 0. */
export function define(command: Command, terminal: Terminal): void {
  command.description(
    'Run one host until SIGINT or SIGTERM. Every setting can also stand in carillon.yaml or the environment: see docs/configuration.md.'
  )
  addHostOptions(command).action(async (flags: HostFlags) => {
    const { settings } = configurationOf(flags)
    const taken = (await portProblem(portsOf(settings), settings.bind)) ?? (await portProblem(loopbackPortsOf(settings)))
    if (taken !== undefined) throw startFailure(settings.name, new Error(taken))
    const { runHost } = await import('./host.ts')
    await interruptible(terminal, async signal => {
      const host = await runHost(settings).catch(error => {
        throw startFailure(settings.name, error)
      })
      const failure = await Promise.race([host.ended, aborted(signal), parentGone(message => host.inject(message))])
      await host.stop()
      if (failure !== undefined) throw new CommandFailure(`host ${host.name} ended: ${failure.message}`)
    })
  })
}

/** A plain `Error` tells of the surroundings, in a sentence; any other kind is a mistake of ours and keeps its stack. */
function startFailure(name: string, error: unknown): unknown {
  if (error instanceof DepartedError) return new CommandFailure(`host ${name} cannot start: ${error.message}`, departed)
  const isPlain = error instanceof Error && error.constructor === Error
  return isPlain ? new CommandFailure(`host ${name} cannot start: ${error.message}`) : error
}

function portsOf({ httpPort, natsPort, routePort, busServers }: HostSettings): WantedPort[] {
  const http = { port: httpPort, use: 'HTTP, --http-port' }
  if (busServers.length > 0) return [http]
  return [http, { port: natsPort, use: 'NATS, --nats-port' }, { port: routePort, use: 'NATS routes, --route-port' }]
}

function loopbackPortsOf({ monitorPort, busServers }: HostSettings): WantedPort[] {
  return busServers.length > 0 ? [] : [{ port: monitorPort, use: 'NATS monitor, --monitor-port' }]
}

/** Started by another process with a channel to it, the host ends with that process, however it dies. */
function parentGone(told: (message: FaultMessage) => void): Promise<undefined> {
  return new Promise(resolve => {
    if (process.channel === undefined) return
    process.on('message', message => told(message as FaultMessage))
    process.once('disconnect', () => resolve(undefined))
    process.channel.unref()
  })
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise(resolve => {
    const end = (): void => resolve(undefined)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}
