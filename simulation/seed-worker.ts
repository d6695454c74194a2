import { parentPort } from 'node:worker_threads'
import { runScenario } from './run.ts'
import { drawScenario, type ScenarioOptions } from './scenario.ts'

/** One thread of a `SeedPool`: runs the scenarios that it is sent, one after the other. */
parentPort?.on('message', (options: ScenarioOptions) => parentPort?.postMessage(runScenario(drawScenario(options))))
