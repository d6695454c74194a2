/** Actors of one's own on virtual time: what `carillon/simulation` exports. It knows nothing of the store. */
export type { LinkWeather, MemoryNetwork } from '../bus/memory-bus.ts'
export { NeverRests, Simulation, type WorldOptions } from './simulation.ts'
export type { RunningThread, SimulatedHost, ThreadOptions } from './simulated-host.ts'
export { TraceHash } from './trace-hash.ts'
export type { SeenMessage } from './watched-system.ts'
